"""Weights from a stranger: nothing of them runs, and what does not fit exactly is refused in a sentence."""

import io
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.models import ARCHITECTURES, complete, pth, weights_file
from cnnlab.models.weights_file import Header, WeightsError
from cnnlab.records import RunStatus
from cnnlab.runs import Imported, Run, Store, StoreError
from cnnlab.schema import TrainingConfig
from tests.hostile.weights import CONFIG, MORE, TWELVE, make_sentinels_work, packed, sound, write

LIMIT_S, LIMIT_BYTES = 1.0, 200_000_000


def take(path: Path) -> None:
    """As the page and the command line do, for SimpleCNN on shapes."""
    with path.open("rb") as given, pth.as_safetensors(given) as file:
        header = weights_file.read_header(file)
        config, _ = weights_file.settings_for(header, CONFIG.architecture, CONFIG.dataset, "half")
        weights_file.load(file, header, config)


def memory_bytes(line: str) -> int:
    """VmRSS (now) or VmHWM (the most since it was reset) of this process."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{line}:\s+(\d+) kB", status)
    assert found
    return 1024 * int(found[1])


def test_the_pickles_would_work(tmp_path: Path) -> None:
    """The control: opened as a pickle, they do make their file."""
    make_sentinels_work(tmp_path)


@pytest.mark.parametrize(("name", "sentence"), (TWELVE | MORE).items(), ids=TWELVE | MORE)
def test_malicious_files_are_refused(name: str, sentence: str, tmp_path: Path) -> None:
    """In one sentence, within a second and 200 MB, and no program in them has run."""
    path, sentinel = tmp_path / "weights.safetensors", tmp_path / "sentinel"
    write(name, path, sentinel)
    Path("/proc/self/clear_refs").write_text("5")
    before, begin = memory_bytes("VmRSS"), time.process_time()

    with pytest.raises(WeightsError, match=sentence) as caught:
        take(path)

    assert time.process_time() - begin < LIMIT_S
    assert memory_bytes("VmHWM") - before < LIMIT_BYTES
    assert not sentinel.exists()
    assert str(caught.value).endswith((".", "again."))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", TWELVE)
def test_the_command_line_refuses_them_too(
    name: str, tmp_path: Path, app_config: AppConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one sentence, and no run is left behind."""
    path, sentinel = tmp_path / "weights.safetensors", tmp_path / "sentinel"
    write(name, path, sentinel)

    assert main(["import", str(path), "--architecture", "SimpleCNN", "--dataset", "shapes"]) == 2
    assert TWELVE[name][:20] in capsys.readouterr().err
    assert not sentinel.exists()
    assert Store(app_config).list() == []
    assert not app_config.runs.exists() or not list(app_config.runs.iterdir())


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, app_config: AppConfig, capsys) -> None:
    """A pipe, a device, a folder, nothing: a sentence at once."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path, tmp_path / "nothing"):
        assert main(["import", str(path)]) == 2
        assert "is not a file" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_every_architecture_goes_out_and_comes_back(architecture: str, app_config: AppConfig, tmp_path: Path) -> None:
    """Exported and imported, each number is what it was, and the settings are those of the run."""
    config = complete(TrainingConfig(architecture=architecture, dataset="shapes", dropout=0.3, lr=0.02, epochs=7))
    arrays = sound(config)
    exported = weights_file.export(packed(arrays), config, 3)
    store = Store(app_config)

    run = bring(store, exported)

    assert (run.config, run.imported) == (config, Imported(file="w.safetensors", stated=True, epoch=3))
    (file,) = store.weights(run.id)
    tensors, _ = checkpoints.read(store.path(file), file)
    assert list(tensors) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(tensors[name].numpy(), array)
    again = weights_file.export(checkpoints.verified(store.path(file), file), *run.states(file.epoch))
    assert weights_file.read_header(io.BytesIO(again)).config == config


def bring(store: Store, content: bytes, name: str = "w.safetensors") -> Run:
    """A file into the store, with the settings it states or those of SimpleCNN on shapes."""
    file = io.BytesIO(content)
    header = weights_file.read_header(file)
    known = header.config or CONFIG
    config, stated = weights_file.settings_for(header, known.architecture, known.dataset, known.normalisation)
    tensors = weights_file.load(file, header, config)
    facts = Imported(file=name, stated=stated, epoch=header.epoch if stated else None)
    return store.bring(config, lambda path: checkpoints.write(path, tensors, {}), facts)


def test_an_imported_run_claims_nothing(app_config: AppConfig) -> None:
    """It is neither trained nor trainable, has no results, and what nobody stated is not known."""
    store = Store(app_config)
    run = bring(store, packed(sound()))

    assert run.status is RunStatus.IMPORTED
    assert (run.step, run.results, run.last_epoch, run.best_epoch) == (0, None, None, None)
    assert "it was not trained or measured here" in (run.message or "")
    assert run.knows("architecture")
    assert not run.knows("lr")
    assert run.states(1) == (None, None)
    assert store.claim() is None
    for impossible in (store.resume, store.take, lambda id: store.request(id, "stop")):
        with pytest.raises(StoreError, match="imported"):
            impossible(run.id)
    assert store.recover() == []
    store.delete(run.id)
    assert list(app_config.runs.iterdir()) == []


def test_nothing_is_left_of_an_import_that_fails(app_config: AppConfig, full_disk) -> None:
    """A full disk: a sentence, no run, no folder."""
    store = Store(app_config)
    store.list()
    full_disk(100_000)

    with pytest.raises(StoreError, match="cannot be kept"):
        bring(store, packed(sound()))
    full_disk(10**9)
    assert store.list() == []
    assert list(app_config.runs.iterdir()) == []


STATED = {
    "an unknown setting": {"settings": {"evil": 1}, "epoch": 1},
    "out of range": {"settings": {"lr": 1e308}, "epoch": 1},
    "no number": {"settings": {"lr": float("nan")}, "epoch": 1},
    "an unknown architecture": {"settings": {"architecture": "../../evil"}, "epoch": 1},
    "no settings": {"epoch": 1},
    "a list": [],
}


@pytest.mark.parametrize("stated", STATED.values(), ids=STATED)
def test_stated_settings_are_checked_like_typed_ones(stated: object) -> None:
    """What is wrong with them is said, and they are not used."""
    import json

    content = packed(sound(), lambda header: header.update(__metadata__={"cnnlab": json.dumps(stated)}))
    header = weights_file.read_header(io.BytesIO(content))

    assert header.config is None
    assert (header.problem or "").startswith("What this file says about its settings cannot be read")


@pytest.mark.parametrize("epoch", [-1, 10**9, "3", None, True, 2.5])
def test_an_epoch_that_cannot_be_is_not_repeated(epoch: object) -> None:
    """Only a whole number up to the last epoch is."""
    content = weights_file.export(packed(sound()), CONFIG, epoch)
    assert weights_file.read_header(io.BytesIO(content)).epoch is None


def test_names_of_files_are_shown_without_their_folders(app_config: AppConfig) -> None:
    """And without what is unprintable; what is kept is named by cnnlab."""
    run = bring(Store(app_config), packed(sound()), "../../etc/\u202epass\0wd<script>" + "x" * 300)

    assert run.imported is not None
    assert run.imported.file == ("passwd<script>" + "x" * 300)[:60]
    assert {path.name for path in (app_config.runs / run.id).iterdir()} <= {"weights-0001.safetensors", "lock"}


@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, 300), st.binary(max_size=300)).map(lambda pair: pair[0].to_bytes(8, "little") + pair[1])
)
def test_random_bytes_are_refused(content: bytes) -> None:
    """Whatever it is: a header or a WeightsError, and no weights."""
    file = io.BytesIO(content)
    try:
        header = weights_file.read_header(file)
        assert isinstance(header, Header)
        with pytest.raises(WeightsError):
            weights_file.load(file, header, CONFIG)
    except WeightsError as error:
        assert str(error).endswith(".")


SOUND = packed(sound())
LENGTH = int.from_bytes(SOUND[:8], "little")


@given(st.integers(0, LENGTH + 8), st.binary(min_size=1, max_size=6))
def test_a_damaged_header_gives_the_same_weights_or_none(at: int, garbage: bytes) -> None:
    """Bytes of a sound file's header overwritten: refused, or every number still where its name is."""
    file = io.BytesIO(SOUND[:at] + garbage + SOUND[at + len(garbage) :])
    try:
        tensors = weights_file.load(file, weights_file.read_header(file), CONFIG)
    except WeightsError:
        return
    assert all(tuple(tensor.shape) == sound()[name].shape for name, tensor in tensors.items())
