"""Who is alive, as the kernel knows it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT
from cnnlab.runs import locks

ASK = "import sys; from pathlib import Path; from cnnlab.runs import locks; print(locks.is_held(Path(sys.argv[1])))"


def seen_from_outside(folder: Path) -> bool:
    """What another process says."""
    answer = subprocess.run(
        [sys.executable, "-c", ASK, str(folder)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip() == "True"


def test_held_while_the_block_lasts(tmp_path: Path) -> None:
    """Others see the lock inside the block and not afterwards."""
    with locks.hold(tmp_path):
        assert seen_from_outside(tmp_path)
        assert locks.is_held(tmp_path)
    assert not seen_from_outside(tmp_path)
    assert not locks.is_held(tmp_path)


def test_asking_in_the_holding_process_does_not_drop_the_lock(tmp_path: Path) -> None:
    """POSIX drops a lock when any descriptor of the file closes; asking and nesting must not."""
    with locks.hold(tmp_path):
        assert locks.is_held(tmp_path)
        assert not locks.take(tmp_path)
        with locks.hold(tmp_path):
            pass
        assert seen_from_outside(tmp_path)


def test_a_lock_of_another_process_is_respected_and_ends_with_it(tmp_path: Path) -> None:
    """Neither `take` nor `hold` gets it while the process lives; after SIGKILL it is free at once."""
    code = "import sys; from pathlib import Path; from cnnlab.runs import locks; locks.take(Path(sys.argv[1]))"
    child = subprocess.Popen(
        [sys.executable, "-c", code + "; print('held', flush=True); sys.stdin.read()", str(tmp_path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert locks.is_held(tmp_path)
    assert not locks.take(tmp_path)
    with pytest.raises(locks.LockedError), locks.hold(tmp_path):
        pass

    child.kill()
    child.wait()

    assert not locks.is_held(tmp_path)


def test_a_forked_child_does_not_believe_it_holds_the_lock(tmp_path: Path) -> None:
    """Locks are not inherited, so neither is the memory of them."""
    with locks.hold(tmp_path):
        child = os.fork()
        if child == 0:
            os._exit(0 if locks.is_held(tmp_path) and not locks.take(tmp_path) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert seen_from_outside(tmp_path)


def test_a_folder_that_is_gone_is_held_by_nobody(tmp_path: Path) -> None:
    """Deleting a run's folder by hand must not make it immortal."""
    assert not locks.is_held(tmp_path / "gone")
