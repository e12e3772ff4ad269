"""A run keeps what its network says of each set, from the very pass that measures it, beside the weights."""

from pathlib import Path

import numpy as np
import pytest

from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions import names as files
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of, split
from cnnlab.inspection.networks import load_network
from cnnlab.inspection.predictions import predict
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.run import Checkpoint
from cnnlab.training import evaluation
from tests.worker.helpers import asking, resume, small, train


def of(store: Store, file: Checkpoint, set_name: str) -> Predictions | None:
    """What the run has kept."""
    return kept.read(store.path(file), file.sha256, set_name)


def test_every_epoch_s_are_those_of_its_weights(store: Store) -> None:
    """Validation, train sample, and test at the end: the scores are counted from them; the weights give them again."""
    run = train(store, small(lr=0.02))
    weights = {file.epoch: file for file in store.weights(run.id)}
    arrays, info = DATASETS.get("shapes").load(store.app_config.data), DATASETS.get("shapes").info
    parts, scale = split(run.config, len(arrays.train_labels)), normalisation_of(run.config, info)
    assert len(store.epochs(run.id)) == 3
    for record in store.epochs(run.id):
        file = weights[record.epoch]
        network = load_network(run.config, info, store.path(file), file)
        for set_name, places, score in (
            ("validation", parts.validation, record.validation),
            ("train sample", parts.train_sample, record.train_sample),
        ):
            said = of(store, file, set_name)
            assert said is not None
            assert said.accuracy == score.accuracy
            assert (said.by_run, said.precision, said.device) == (True, "float32", "cpu")
            labels = arrays.train_labels[places]
            again = predict(network, arrays.train_images, places, labels, *scale, lambda *_: None)
            np.testing.assert_array_equal(said.labels, again.labels)
            np.testing.assert_allclose(said.logits, again.logits, rtol=1e-3, atol=1e-4)
    for scores in (run.results.final, run.results.best):
        said = of(store, weights[scores.epoch], "test")
        assert said.accuracy == scores.test.accuracy
    assert of(store, weights[0], "validation") is None, "nobody has measured the untrained network"


def test_no_second_pass_measures(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets an epoch, three at the end for each of two networks, and not one more."""
    passes: list[str] = []
    real = evaluation._evaluated

    def counted(model, images, *rest):  # type: ignore[no-untyped-def]
        passes.append(images.name)
        return real(model, images, *rest)

    monkeypatch.setattr(evaluation, "_evaluated", counted)
    run = train(store, small(lr=0.02))
    networks = 1 + (run.results.best.epoch != run.results.final.epoch)

    assert passes == ["train sample", "validation"] * 3 + ["train", "validation", "test"] * networks


def test_they_go_with_their_weights(app_config: AppConfig) -> None:
    """Where the budget is for two epochs or so, those of the others are gone too; their bytes count."""
    config = small(epochs=6)
    plain = Store(app_config)
    run = train(plain, config)
    size = max(file.bytes for file in plain.weights(run.id))
    beside = sum(path.stat().st_size for path in files.beside(plain.path(plain.weights(run.id)[2]))[:2])
    tight = Store(app_config.model_copy(update={"run_budget_bytes": 4 * (size + beside)}))
    run = train(tight, config)
    names = {path.name for path in tight.folder(run.id).glob("predictions-*")}

    left = tight.weights(run.id)
    assert len(left) == 4
    assert {files.owner_of(Path(name)) for name in names} == {file.name for file in left if file.epoch}


@pytest.mark.parametrize("step", [6, 8])
def test_a_run_that_goes_on_has_the_same(store: Store, step: int) -> None:
    """Stopped within an epoch or at its end, continued: what it says is bit for bit that of the run left alone."""
    whole = train(store, small())
    halted = train(store, small(), asking(store, "stop", step))
    assert halted.status is RunStatus.STOPPED
    resumed = resume(store, halted)

    def all_of(run: Run) -> list[bytes]:
        files = [
            (file, name) for file in store.weights(run.id) if file.epoch for name in ("train sample", "validation")
        ]
        return [of(store, file, name).logits.tobytes() for file, name in files]

    assert all_of(resumed) == all_of(whole)
    assert len(all_of(whole)) == 6


def test_a_disk_that_refuses_them_costs_no_epoch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They can be measured again; the epoch cannot."""

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "write", refuse)
    run = train(store, small())
    assert run.status is RunStatus.FINISHED
    assert [file.epoch for file in store.weights(run.id)] == [0, 1, 2, 3]
    assert not list(store.folder(run.id).glob("predictions-*"))


def test_what_stands_beside_weights_that_nobody_names_is_removed(store: Store) -> None:
    """As a process leaves it that was killed between file and row; what is not ours stays."""
    run = train(store, small(epochs=1))
    [last] = [file for file in store.weights(run.id) if file.epoch]
    stray = store.path(last).with_name("weights-0009.safetensors")
    said = of(store, last, "validation")
    kept.write(stray, "00" * 32, "validation", said)
    foreign = stray.with_name("predictions.csv")
    foreign.write_text("mine")
    store.remove_unnamed(run.id)

    assert not files.path_of(stray, "validation").exists()
    assert foreign.exists()
    assert of(store, last, "validation") is not None
