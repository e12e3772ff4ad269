"""Converted arrays on disk: whole or not at all, whoever is killed, and never taken for sound when they are not."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data import Arrays, Dataset, DatasetInfo, DataUnavailableError
from cnnlab.data._arrays import FIELDS, open_arrays, save_arrays
from cnnlab.data_folders import DataFolders
from cnnlab.files import lock
from tests.factories import at


def toy_arrays(info: DatasetInfo, seed: int = 0) -> Arrays:
    """Random pixels of the sizes that `info` says."""
    random = np.random.default_rng(seed)

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        images = random.integers(0, 256, (n, info.size_px, info.size_px, info.channels), dtype=np.uint8)
        return images, random.integers(0, len(info.classes), n)

    return Arrays(*part(info.num_train), *part(info.num_test))


def same(a: Arrays | None, b: Arrays) -> bool:
    """Equal in every array."""
    return a is not None and all(np.array_equal(getattr(a, f), getattr(b, f)) for f in FIELDS)


def toy(info: DatasetInfo, log: Path | None = None) -> Dataset:
    """A dataset that writes a line into `log` each time it is made."""

    def read(folders: DataFolders, progress) -> Arrays:
        if log:
            with log.open("a") as file:
                file.write("made\n")
        return toy_arrays(info)

    return Dataset(info, read, ((),))


def test_what_is_saved_is_what_is_opened(toy_info, tmp_path):
    """Equal arrays come back, as memory maps nobody can write to, and nothing else lies in the folder."""
    folder = tmp_path / "arrays" / "toy"
    save_arrays(folder, toy_arrays(toy_info), toy_info)
    arrays = open_arrays(folder, toy_info)

    assert same(arrays, toy_arrays(toy_info))
    assert all(isinstance(getattr(arrays, f), np.memmap) for f in FIELDS)
    with pytest.raises(ValueError, match="read-only"):
        arrays.train_images[0] = 0
    assert [path.name for path in folder.parent.iterdir()] == ["toy"]


def test_pixels_in_any_memory_order_are_saved(toy_info, tmp_path):
    """A transposed view, which is what torchvision gives, is stored in C order."""
    arrays = toy_arrays(toy_info)
    turned = replace(arrays, train_images=arrays.train_images.transpose(0, 2, 1, 3))

    save_arrays(tmp_path / "toy", turned, toy_info)

    assert same(open_arrays(tmp_path / "toy", toy_info), turned)


@pytest.mark.parametrize(
    "change",
    [
        {"train_images": np.zeros((5, 4, 4, 1), np.uint8)},
        {"train_images": np.zeros((6, 4, 4, 1), np.float32)},
        {"test_labels": np.array([0, 2])},
        {"train_labels": np.array([0, 0, 0, 0, 0, -1])},
    ],
    ids=["too few", "not uint8", "a class too many", "a class below 0"],
)
def test_arrays_that_do_not_fit_are_not_saved(toy_info, tmp_path, change):
    """A mistake in a dataset's file shows when it is converted, not when it is trained on."""
    with pytest.raises(ValueError, match="toy"):
        save_arrays(tmp_path / "toy", replace(toy_arrays(toy_info), **change), toy_info)


@given(st.sampled_from(FIELDS), st.integers(0, 400), st.binary(max_size=20))
def test_a_damaged_file_is_noticed(tmp_path_factory, field, at, garbage):
    """Cut anywhere, and whatever is written at the cut: either noticed or still of the right size and kind."""
    info = DatasetInfo("toy", ("a", "b"), 1, 4, 6, 2, (0.5,), (0.5,), "", "", 0)
    folder = tmp_path_factory.mktemp("damaged") / "toy"
    save_arrays(folder, toy_arrays(info), info)
    path = folder / f"{field}.npy"
    whole = path.read_bytes()

    path.write_bytes(whole[:at] + garbage)
    if path.read_bytes() != whole:
        assert open_arrays(folder, info) is None or len(path.read_bytes()) == len(whole)

    path.write_bytes(whole[:at] + garbage + whole[at + len(garbage) :])
    arrays = open_arrays(folder, info)
    assert arrays is None or same(arrays, toy_arrays(info)) or at + len(garbage) > 128


def test_a_longer_file_and_another_shape_are_noticed(toy_info, tmp_path):
    """Bytes after the end, or the arrays of another dataset, are not what was saved."""
    save_arrays(tmp_path / "toy", toy_arrays(toy_info), toy_info)
    assert open_arrays(tmp_path / "toy", replace(toy_info, num_train=7)) is None

    with (tmp_path / "toy" / "test_labels.npy").open("ab") as file:
        file.write(b"\0")
    assert open_arrays(tmp_path / "toy", toy_info) is None


def test_a_damaged_conversion_is_made_again(toy_info, tmp_path):
    """`load` notices and converts afresh; a sound one is opened without a second conversion."""
    dataset, log = toy(toy_info, tmp_path / "log"), tmp_path / "log"
    dataset.load(at(tmp_path))
    dataset.load(at(tmp_path))
    assert log.read_text() == "made\n"

    os.truncate(tmp_path / "arrays" / "toy" / "train_images.npy", 100)

    assert same(dataset.load(at(tmp_path)), toy_arrays(toy_info))
    assert log.read_text() == "made\nmade\n"
    assert {p.name for p in (tmp_path / "arrays").iterdir()} == {"toy", "toy.lock"}


def test_a_map_that_is_open_survives_a_new_conversion(toy_info, tmp_path):
    """A run that trains from the old files goes on while another process replaces them."""
    dataset = toy(toy_info)
    open_one = dataset.load(at(tmp_path))
    os.truncate(tmp_path / "arrays" / "toy" / "test_labels.npy", 0)

    dataset.load(at(tmp_path))

    np.testing.assert_array_equal(open_one.train_images, toy_arrays(toy_info).train_images)


KILLED_AT_CALL = """
import os, signal, sys
from pathlib import Path
import numpy as np
from cnnlab.data import Arrays, Dataset, DatasetInfo
from cnnlab.data_folders import DataFolders

call, name, data_dir = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
owner = os if name == "fsync" else Path
original, calls = getattr(owner, name), 0

def deadly(*args, **kwargs):
    global calls
    calls += 1
    if calls == call:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)

setattr(owner, name, deadly)
info = DatasetInfo("toy", ("a", "b"), 1, 4, 6, 2, (0.5,), (0.5,), "", "", 0)
pixels = lambda n: (np.ones((n, 4, 4, 1), np.uint8), np.ones(n, np.int64))
Dataset(info, lambda *_: Arrays(*pixels(6), *pixels(2)), ((),)).load(DataFolders(data_dir, data_dir / "arrays"))
"""


@pytest.mark.parametrize(
    ("name", "call"), [("fsync", 1), ("fsync", 4), ("fsync", 6), ("rename", 1), ("rename", 2)], ids=lambda v: str(v)
)
def test_a_kill_leaves_nothing_half(toy_info, tmp_path, name, call):
    """Killed at any of these moments while it replaces a damaged conversion: the next `load` makes it whole."""
    toy(toy_info).load(at(tmp_path))
    os.truncate(tmp_path / "arrays" / "toy" / "train_images.npy", 100)

    killed = subprocess.run([sys.executable, "-c", KILLED_AT_CALL, str(call), name, str(tmp_path)], check=False)

    assert killed.returncode == -signal.SIGKILL
    converted = open_arrays(tmp_path / "arrays" / "toy", toy_info)
    assert converted is None or converted.train_images.min() == 1
    assert toy(toy_info).load(at(tmp_path)).train_images.shape == (6, 4, 4, 1)
    assert {p.name for p in (tmp_path / "arrays").iterdir()} <= {"toy", "toy.lock", "toy.old"}


LOAD_AT_ONCE = """
import sys, time
from pathlib import Path
import numpy as np
from cnnlab.data import Arrays, Dataset, DatasetInfo
from cnnlab.data_folders import DataFolders

data_dir = Path(sys.argv[1])
info = DatasetInfo("toy", ("a", "b"), 1, 4, 6, 2, (0.5,), (0.5,), "", "", 0)

def read(*_):
    with (data_dir / "log").open("a") as log:
        log.write("made\\n")
    time.sleep(0.3)
    pixels = lambda n: (np.full((n, 4, 4, 1), 9, np.uint8), np.ones(n, np.int64))
    return Arrays(*pixels(6), *pixels(2))

print("ready", flush=True)
sys.stdin.readline()
print(int(Dataset(info, read, ((),)).load(DataFolders(data_dir, data_dir / "arrays")).train_images.sum()))
"""


def test_processes_that_convert_at_once_all_succeed(tmp_path):
    """Four processes ask at the same moment: all get the arrays, and the work is done once."""
    command = [sys.executable, "-c", LOAD_AT_ONCE, str(tmp_path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4

    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    assert [process.communicate(timeout=180)[0] for process in processes] == [f"{9 * 6 * 16}\n"] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def test_threads_that_convert_at_once_all_succeed(toy_info, tmp_path):
    """Two browsers of one server: the same."""
    answers: list[bool] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        answers.append(same(toy(toy_info, tmp_path / "log").load(at(tmp_path)), toy_arrays(toy_info)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == [True] * 8
    assert (tmp_path / "log").read_text() == "made\n"


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from cnnlab.data import Arrays, Dataset, DatasetInfo, DataUnavailableError
from cnnlab.data_folders import DataFolders

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
info = DatasetInfo("toy", ("a", "b"), 1, 16, 6, 2, (0.5,), (0.5,), "", "", 1)
pixels = lambda n: (np.ones((n, 16, 16, 1), np.uint8), np.ones(n, np.int64))
try:
    folders = DataFolders(Path(sys.argv[1]), Path(sys.argv[1]) / "arrays")
    Dataset(info, lambda *_: Arrays(*pixels(6), *pixels(2)), ((),)).load(folders)
except DataUnavailableError as fault:
    print(fault)
"""


def test_a_full_disk_is_a_sentence(tmp_path):
    """No room: which folder, what to do; nothing half is left."""
    out = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)

    assert out.stdout == (
        f"toy is not available: there is no room left for it in {tmp_path / 'arrays'}; free some space, or set "
        "CNNLAB_CONVERTED_DIR to another folder.\n"
    )
    assert [path.name for path in (tmp_path / "arrays").iterdir()] == ["toy.lock"]


def test_a_folder_that_is_none_is_a_sentence(toy_info, tmp_path):
    """The home is a file: said, with the way out."""
    (tmp_path / "file").write_text("")

    with pytest.raises(DataUnavailableError, match=r"Not a dir.*set CNNLAB_CONVERTED_DIR to a folder that you may"):
        toy(toy_info).load(at(tmp_path / "file"))


def test_what_an_older_cnnlab_converted_serves(toy_info, tmp_path):
    """Beside the published files, whoever may write there: nothing is converted again, and nothing is written."""
    log, folders = tmp_path / "log", DataFolders(tmp_path / "data", tmp_path / "home" / "converted")
    save_arrays(folders.published / "arrays" / "toy", toy_arrays(toy_info), toy_info)

    assert toy(toy_info, log).is_ready(folders)
    assert same(toy(toy_info, log).load(folders), toy_arrays(toy_info))
    assert not log.exists()
    assert not folders.converted.exists()


def test_one_that_is_damaged_there_is_made_anew_at_home(toy_info, tmp_path):
    """The older conversion may be somebody else's: it stays as it is."""
    log, folders = tmp_path / "log", DataFolders(tmp_path / "data", tmp_path / "home" / "converted")
    old = folders.published / "arrays" / "toy"
    save_arrays(old, toy_arrays(toy_info), toy_info)
    os.truncate(old / "train_images.npy", 100)

    assert "not complete" in (toy(toy_info).fault(folders) or "")
    for _ in range(2):
        assert same(toy(toy_info, log).load(folders), toy_arrays(toy_info))
    assert log.read_text() == "made\n"
    assert (old / "train_images.npy").stat().st_size == 100
    assert toy(toy_info).fault(folders) is None


def test_who_waits_for_another_may_give_up(toy_info: DatasetInfo, tmp_path: Path) -> None:
    """It is told that it waits, again and again; what it raises then ends the wait, and the other one goes on."""
    told: list[tuple[int, int]] = []

    class StoppedError(Exception):
        pass

    def stop(done_bytes: int, total_bytes: int) -> None:
        told.append((done_bytes, total_bytes))
        if len(told) == 2:
            raise StoppedError

    dataset = toy(toy_info)
    with lock(tmp_path / "arrays" / f"{toy_info.name}.lock"), ThreadPoolExecutor(1) as other:
        waiting = other.submit(dataset.prepare, at(tmp_path), stop)
        assert isinstance(waiting.exception(), StoppedError)

    assert told == [(0, toy_info.download_bytes)] * 2
    assert len(dataset.load(at(tmp_path)).train_labels) == toy_info.num_train
