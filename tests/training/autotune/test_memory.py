"""What a training needs is known before it takes it, and what does not fit is refused with what does."""

import subprocess
import sys

import psutil
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.data.tensors import Data
from cnnlab.models import ARCHITECTURES, build
from cnnlab.schema import SETTINGS, Setting, TrainingConfig
from cnnlab.training.autotune import memory
from cnnlab.training.autotune.cache import key_of
from cnnlab.training.autotune.memory import DoesNotFitError, in_words, needed, require_fit
from cnnlab.training.optim.factory import make_optimizer
from tests.factories import shapes_config

CPU = torch.device("cpu")


def config(**settings: object) -> TrainingConfig:
    """A complete config."""
    return shapes_config(**{"validation_size": 0, **settings})


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_real_steps_hold_what_was_foretold(architecture: str, shapes_info: DatasetInfo) -> None:
    """On the CPU, two steps of every architecture: within a twentieth of what the meta device has counted."""
    asked = config(architecture=architecture, batch_size=16, mode="exact")
    live = memory._LiveBytes()
    with live:
        model = build(asked, shapes_info)
        optimizer = make_optimizer(asked, model)
        for _ in range(2):
            optimizer.zero_grad()
            logits = model(torch.rand(16, 3, 32, 32))
            F.cross_entropy(logits, torch.zeros(16, dtype=torch.int64)).backward()
            del logits
            optimizer.step()
        kept = live.now - sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    foretold = needed(asked, shapes_info)
    assert live.peak == pytest.approx(foretold.training, rel=0.05)
    assert kept == pytest.approx(foretold.kept, rel=0.05)


def test_the_need_grows_by_the_same_with_each_picture(shapes_info: DatasetInfo) -> None:
    """Affine in the batch, once the activations outweigh the gradients."""
    at = {n: needed(config(batch_size=n), shapes_info).training for n in (256, 512, 1024)}
    assert at[1024] - at[512] == pytest.approx(2 * (at[512] - at[256]), rel=0.01)


def test_an_epoch_made_at_once_counts(shapes_info: DatasetInfo) -> None:
    """Alternating augmentation holds a second training set, and more while it makes one."""
    plain, alternating = needed(config(), shapes_info), needed(config(augmentation="alternating"), shapes_info)
    dataset = shapes_info.num_train * 32 * 32 * 3
    assert alternating.training == plain.training + dataset
    assert alternating.augmenting > plain.augmenting + 2 * dataset


def test_random_states_stay_as_they_are(shapes_info: DatasetInfo) -> None:
    """Counting draws nothing: a run's bits do not depend on it."""
    before = torch.get_rng_state()
    needed(config(dropout=0.5, augmentation="flip_crop"), shapes_info)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
@settings(max_examples=6)
@given(st.integers(30, 800))
def test_the_batch_that_is_offered_fits_and_the_next_does_not(megabytes: int) -> None:
    """Whatever is free: a power of two that fits, below one that does not."""
    info = DATASETS.get("shapes").info
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free_bytes", lambda device: megabytes * 1_000_000)
        with pytest.raises(DoesNotFitError) as refused:
            require_fit(config(architecture="SpeedNet", batch_size=1024, optimizer="sgd"), info, CPU)
        words = str(refused.value)
        assert words.startswith("A batch of 1024 needs about ")
        assert f"{megabytes} MB are free." in words
        if "No batch fits" in words:
            batch = 1
        else:
            batch = int(words.rpartition("A batch of ")[2].partition(" fits")[0])
            require_fit(config(architecture="SpeedNet", batch_size=batch, optimizer="sgd"), info, CPU)
        with pytest.raises(DoesNotFitError):
            require_fit(config(architecture="SpeedNet", batch_size=2 * batch, optimizer="sgd"), info, CPU)


def test_a_machine_without_proc_tells_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a Mac: what is free and what is held is known there too, only the peak is not."""

    def missing(path: memory.Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(memory.Path, "read_text", missing)
    assert 0 < memory.free_bytes(CPU) < psutil.virtual_memory().total
    assert 0 < memory.held_bytes(CPU) < psutil.virtual_memory().total
    assert memory.peak_bytes(CPU) is None


def test_a_container_has_what_its_limit_leaves(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smaller of the machine's free memory and the control group's; page cache can be given back."""
    files = {"memory.max": "3000\n", "memory.current": "2000\n", "memory.stat": "anon 5\ninactive_file 500\n"}
    real = memory.Path.read_text

    def read_text(path: memory.Path) -> str:
        return files[path.name] if path.name in files else real(path)

    monkeypatch.setattr(memory.Path, "read_text", read_text)
    assert memory.free_bytes(CPU) == 1500
    files["memory.max"] = "max\n"
    assert memory.free_bytes(CPU) > 1500


@pytest.mark.parametrize(
    ("size", "words"),
    [(430e6, "430 MB"), (999.4e6, "999 MB"), (999.6e6, "1.0 GB"), (2.14e9, "2.1 GB"), (31.2e9, "31 GB")],
)
def test_bytes_are_said_as_people_say_them(size: float, words: str) -> None:
    """Two or three digits and a unit."""
    assert in_words(round(size)) == words


PEAK = """
import torch
from cnnlab.data import DATASETS
from cnnlab.models import complete
from cnnlab.schema import TrainingConfig
from cnnlab.training.autotune import memory
from cnnlab.training.fit import fit
from tests.factories import random_data
torch.set_num_threads(1)
info, cpu = DATASETS.get("shapes").info, torch.device("cpu")
config = complete(TrainingConfig(dataset="shapes", architecture="{architecture}", batch_size={batch}, epochs=1))
data = random_data(info, {batch} + 64)
need = memory.needed(config, info)
before = memory.held_bytes(cpu)
low, high = memory.expected_bytes(need, (before, before), cpu)
for record in fit(config, data, cpu):
    pass
print(before, low, high, memory.peak_bytes(cpu))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "batch"), [("SimpleCNN", 4096), ("SpeedNet", 256)])
def test_the_peak_of_a_real_run_is_near_its_forecast(architecture: str, batch: int) -> None:
    """Of what the run took on top of the process it began in, within a factor of 1.3 of the forecast's two ends."""
    code = PEAK.format(architecture=architecture, batch=batch)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, low, high, peak = map(int, said.split())
    assert (low - before) / 1.3 <= peak - before <= (high - before) * 1.3, [n / 1e6 for n in (before, low, high, peak)]


@pytest.mark.parametrize("base", [{"optimizer": "sgd", "momentum": 0.0}, {"optimizer": "adam", "mode": "exact"}])
@pytest.mark.parametrize("setting", [s for s in SETTINGS.values() if s.kind in (int, float) and s.name != "batch_size"])
def test_what_is_remembered_under_one_key_needs_the_same(
    base: dict[str, object], setting: Setting, small_data: Data
) -> None:
    """A setting that changes the memory of a step says that it affects the speed: else a forecast would be a stale one."""
    small, large = {
        "lr": (0.01, 0.1),
        "momentum": (0.0, 0.9),
        "weight_decay": (0.0, 0.1),
        "train_subset": (500, 501),
    }.get(setting.name, (setting.low or 0, (setting.low or 0) + (1 if setting.kind is int else 0.1)))
    one, other = (config(**{**base, setting.name: setting.kind(value)}) for value in (small, large))
    same_key = key_of(one, small_data, CPU, (1,)) == key_of(other, small_data, CPU, (1,))

    assert not same_key or needed(one, small_data.info) == needed(other, small_data.info)
