"""One warm worker is always waiting; a run that trains is never disturbed. The workers here use the store alone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.data_folders import DataFolders
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.doorbell import Doorbell
from cnnlab.runs.process import launcher
from cnnlab.runs.process.launcher import Launcher, environment_of
from cnnlab.schema import TrainingConfig
from tests.waiting import eventually

Spawn = Callable[..., "subprocess.Popen[str]"]

WORKER = """
import os, sys, time
from pathlib import Path
from cnnlab.data_folders import DataFolders
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.app_config import AppConfig
from cnnlab.runs.doorbell import Doorbell
app_config, parent = AppConfig(), int(os.environ["CNNLAB_LAUNCHED_BY"])
store, doorbell = Store(app_config), Doorbell(app_config.runs)
doorbell.watch(parent)
(app_config.home / f"idle-{os.getpid()}").touch()
while os.getppid() == parent:
    run = store.claim()
    if run:
        (app_config.home / f"idle-{os.getpid()}").unlink()
        while store.command(run.id) is None:
            time.sleep(0.02)
        store.finish(run.id, RunStatus.STOPPED, f"Stopped by {os.getpid()}.")
        break
    doorbell.wait(0.02 if store.may_start() or not hasattr(os, "pidfd_open") else 3600)
"""
COMMAND = (sys.executable, "-c", WORKER)


def idle(app_config: AppConfig) -> set[int]:
    """The worker processes that are warm and wait."""
    pids = {int(path.name.removeprefix("idle-")) for path in app_config.home.glob("idle-*")}
    pids -= Store(app_config).training_pids()  # one that has just claimed a run takes its file away a moment later
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() or not Path("/proc").exists()}


@pytest.fixture
def serving(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    """A launcher at work, in a hurry, which without a ring looks at nothing for an hour."""
    monkeypatch.setattr(launcher, "TICK_S", 0.05)
    if hasattr(os, "pidfd_open"):  # else it must look for the ends of processes
        monkeypatch.setattr(launcher, "LOOK_S", 3600.0)
    monkeypatch.setattr(launcher, "HEAD_START_S", 0.2)
    started = Launcher(app_config, COMMAND)
    started.start()
    started.start()
    yield started
    started.stop()


def status(store: Store, run: Run) -> RunStatus:
    """As the store has it now."""
    return store.get(run.id).status


def test_a_run_starts_and_the_next_worker_gets_warm(serving: Launcher, store: Store, app_config: AppConfig) -> None:
    """One waits; it takes the run; another waits; it takes the next run."""
    eventually(lambda: len(idle(app_config)) == 1)
    (first,) = idle(app_config)
    run = store.create(TrainingConfig())
    eventually(lambda: status(store, run) is RunStatus.RUNNING)
    eventually(lambda: len(idle(app_config) - {first}) == 1)
    second = store.create(TrainingConfig())

    store.request(run.id, "stop")

    eventually(lambda: status(store, second) is RunStatus.RUNNING)
    assert store.get(run.id).message == f"Stopped by {first}."
    assert serving.problem is None
    store.request(second.id, "stop")
    eventually(lambda: not status(store, second).active)


def test_stopping_ends_the_idle_worker_and_never_a_training_one(
    serving: Launcher, store: Store, app_config: AppConfig
) -> None:
    """The server goes, the run goes on, and a later server does not start it again."""
    run = store.create(TrainingConfig())
    eventually(lambda: status(store, run) is RunStatus.RUNNING)
    eventually(lambda: len(idle(app_config)) == 1)

    serving.stop()

    assert idle(app_config) == set()
    assert store.recover() == []
    assert status(store, run) is RunStatus.RUNNING
    serving.start()
    eventually(lambda: len(idle(app_config)) == 1)
    assert status(store, run) is RunStatus.RUNNING
    store.request(run.id, "stop")
    eventually(lambda: status(store, run) is RunStatus.STOPPED)


def test_a_worker_killed_while_it_waits_is_replaced(serving: Launcher, app_config: AppConfig) -> None:
    """Its end rings, and the next one gets warm."""
    eventually(lambda: len(idle(app_config)) == 1)
    eventually(lambda: serving._quiet)
    (first,) = idle(app_config)

    os.kill(first, signal.SIGKILL)

    eventually(lambda: len(idle(app_config) - {first}) == 1)


def test_a_run_whose_process_was_killed_is_said_within_seconds(serving: Launcher, store: Store) -> None:
    """The launcher looks all the time, and a death at work is no fault of the worker's start."""
    run = store.create(TrainingConfig())
    eventually(lambda: status(store, run) is RunStatus.RUNNING)
    (pid,) = store.training_pids()

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: status(store, run) is RunStatus.INTERRUPTED)
    assert serving.problem is None


def test_workers_that_die_at_their_start_are_said_and_not_hurried(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's last word is the problem; the pauses between attempts grow; stopping waits for no pause."""
    monkeypatch.setattr(launcher, "TICK_S", 0.05)
    failing = Launcher(app_config, (sys.executable, "-c", "import sys; print('x'); sys.exit('no such module: torch')"))
    failing.start()
    pauses_end: list[float] = []
    for failures in (1, 2):
        eventually(lambda failures=failures: failing._failures == failures)  # type: ignore[misc]
        pauses_end.append(failing._not_before)
    assert "no such module: torch" in str(failing.problem)
    first, second = sorted(int(log.stem.removeprefix("worker-")) for log in (app_config.home / "logs").glob("worker-*"))
    assert second - first > 2e9, "the second attempt comes after two seconds"
    assert pauses_end[1] - pauses_end[0] >= 4, "and the third one after four more"
    failing._not_before += 3600
    stopping = threading.Thread(target=failing.stop, daemon=True)
    stopping.start()
    eventually(lambda: not stopping.is_alive())


def test_a_store_that_cannot_be_read_is_a_problem_not_a_crash(app_config: AppConfig) -> None:
    """The thread goes on, says it, and says it no longer once the store is out of the way."""
    app_config.home.mkdir()
    (app_config.home / "runs.db").write_bytes(b"garbage" * 1000)
    blind = Launcher(app_config, COMMAND)
    blind.start()

    eventually(lambda: "damaged" in str(blind.problem))
    (app_config.home / "runs.db").rename(app_config.home / "away")
    eventually(lambda: blind.problem is None)
    blind.stop()


SERVER = f"""
from cnnlab.runs.process import launcher
launcher.TICK_S, launcher.HEAD_START_S = 0.05, 0.2
server = launcher.Launcher(AppConfig(), (sys.executable, "-c", {WORKER!r}))
server.start()
print("serving", flush=True); sys.stdin.read()
server.stop()
"""


def test_a_killed_server_leaves_the_run_and_no_idle_worker(store: Store, app_config: AppConfig, spawn: Spawn) -> None:
    """kill -9 of the server: training goes on, the idle worker ends by itself."""
    server = spawn(SERVER)
    run = store.create(TrainingConfig())
    eventually(lambda: status(store, run) is RunStatus.RUNNING)
    eventually(lambda: len(idle(app_config)) == 1)

    server.kill()
    server.wait()

    eventually(lambda: idle(app_config) == set())
    assert store.recover() == []
    assert status(store, run) is RunStatus.RUNNING
    store.request(run.id, "stop")
    eventually(lambda: status(store, run) is RunStatus.STOPPED)


def test_two_servers_do_not_start_a_run_twice(store: Store, spawn: Spawn) -> None:
    """Both keep a worker; one gets the run."""
    servers = [spawn(SERVER) for _ in range(2)]
    for server in servers:
        assert server.stdout is not None
        server.stdout.readline()
    runs = [store.create(TrainingConfig(seed=seed)) for seed in range(3)]

    for run in runs:
        eventually(lambda run=run: status(store, run) is RunStatus.RUNNING)  # type: ignore[misc]
        assert len(store.training_pids()) == 1
        store.request(run.id, "stop")
        eventually(lambda run=run: not status(store, run).active)  # type: ignore[misc]

    assert {run.status for run in store.list()} == {RunStatus.STOPPED}
    for server in servers:
        server.communicate("")
        assert server.returncode == 0


def test_old_logs_go(app_config: AppConfig) -> None:
    """A server that runs for months does not fill the disk with logs."""
    folder = app_config.home / "logs"
    folder.mkdir(parents=True)
    for number in range(50):
        (folder / f"worker-{number:03d}.log").touch()
    server = Launcher(app_config, COMMAND)
    server.start()
    eventually(lambda: len(list(folder.glob("worker-*.log"))) == launcher.LOGS_KEPT)
    server.stop()


def test_the_workers_have_the_servers_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those given in code, and whatever folder the worker starts in."""
    monkeypatch.chdir(tmp_path)
    given = AppConfig(
        home=Path("here"),
        data_dir=Path("data"),
        converted_dir=Path("made"),
        database_url="sqlite:///some.db",
        slots=3,
        run_budget_bytes=5_000_000,
    )
    variables = environment_of(given)
    monkeypatch.chdir("/")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    theirs = AppConfig()

    assert theirs.database == f"sqlite:///{tmp_path}/some.db"
    assert (theirs.home, theirs.runs) == (tmp_path / "here", tmp_path / "here/runs")
    assert theirs.data == DataFolders(tmp_path / "data", tmp_path / "made")
    assert (theirs.slots, theirs.run_budget_bytes, theirs.threads) == (3, 5_000_000, None)


def test_a_fault_while_it_waits_ends_no_launcher(
    app_config: AppConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that starts all runs goes on, whatever the disk says to its doorbell."""
    faults = iter(range(3))
    wait = Doorbell.wait

    def failing(bell: Doorbell, seconds: float) -> bool:
        if next(faults, None) is not None:
            raise OSError(5, "Input/output error")
        return wait(bell, seconds)

    monkeypatch.setattr(Doorbell, "wait", failing)
    monkeypatch.setattr(launcher, "TICK_S", 0.05)
    monkeypatch.setattr(launcher, "HEAD_START_S", 0.2)
    started = Launcher(app_config, COMMAND)
    started.start()
    try:
        eventually(lambda: next(faults, None) is None and len(idle(app_config)) == 1)
        run = store.create(TrainingConfig())
        eventually(lambda: status(store, run) is RunStatus.RUNNING)
        store.request(run.id, "stop")
        eventually(lambda: status(store, run) is RunStatus.STOPPED)
    finally:
        started.stop()
