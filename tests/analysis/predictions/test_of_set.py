"""What is derived from logits is what torch derives, and a file is read for the weights it was written for only."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.analysis.predictions import kept, names
from cnnlab.analysis.predictions.of_set import Predictions

SHA, OTHER = "ab" * 32, "cd" * 32


def some(n: int = 50, classes: int = 7) -> Predictions:
    """Predictions of random logits, among them large ones and equal ones."""
    random = np.random.default_rng(n)
    logits = (random.normal(size=(n, classes)) * 30).astype(np.float32)
    logits[0] = 3.0
    return Predictions.of(random.integers(0, classes, n), logits, "bfloat16", "cuda", by_run=True)


def test_answers_are_torch_s_own() -> None:
    """Class (the first of equals), softmax, accuracy: those of the tensor."""
    said = some()
    tensor = torch.from_numpy(said.logits)
    np.testing.assert_array_equal(said.predicted, tensor.argmax(1).numpy())
    np.testing.assert_allclose(said.probabilities, tensor.softmax(1).numpy(), rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(said.probability, tensor.softmax(1).max(1).values.numpy(), rtol=1e-5)
    assert said.accuracy == (tensor.argmax(1).numpy() == said.labels).mean()
    assert (said.precision, said.device, said.by_run, len(said)) == ("bfloat16", "cuda", True, 50)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """All of it, for each set under a name of its own."""
    weights, said = tmp_path / "weights-0003.safetensors", some()
    kept.write(weights, SHA, "train sample", said)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions-0003-train-sample.arrays"]
    found = kept.read(weights, SHA, "train sample")
    assert found is not None
    for name in ("labels", "logits", "how"):
        np.testing.assert_array_equal(getattr(found, name), getattr(said, name))
    assert kept.read(weights, SHA, "validation") is None
    assert names.path_of(weights, "train sample") in names.beside(weights)
    assert {names.owner_of(path) for path in names.beside(weights)} == {weights.name}
    assert names.beside(tmp_path / "state-0003-0000010.safetensors") == []
    assert names.owner_of(tmp_path / "answers-0003.arrays") is None


def test_it_is_never_another_network_s(tmp_path: Path) -> None:
    """Weights that were written anew have another SHA-256; a torn file is none, and so is one with impossible numbers."""
    weights = tmp_path / "weights-0003.safetensors"
    kept.write(weights, SHA, "test", some())
    assert kept.read(weights, OTHER, "test") is None
    path = names.path_of(weights, "test")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert kept.read(weights, SHA, "test") is None
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert kept.read(weights, SHA, "test") is None
    path.write_bytes(whole)
    assert kept.read(weights, SHA, "test") is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda said: Predictions(said.labels[:-1], said.logits, said.how),
        lambda said: Predictions(said.labels + 7, said.logits, said.how),
        lambda said: Predictions(said.labels - 7, said.logits, said.how),
        lambda said: Predictions(said.labels, said.logits * np.float32(np.inf), said.how),
        lambda said: Predictions(said.labels, said.logits, np.array([0, 9, 0], np.uint8)),
        lambda said: Predictions(said.labels, said.logits, said.how[:2]),
        lambda said: Predictions(said.labels[:0], said.logits[:0], said.how),
        lambda said: Predictions(said.labels, said.logits[:, :, None], said.how),
    ],
)
def test_arrays_that_do_not_fit_are_none(tmp_path: Path, damage: object) -> None:
    """Written whole, by whomever: no page may fail on them."""
    weights = tmp_path / "weights-0003.safetensors"
    with np.errstate(invalid="ignore"):
        kept.write(weights, SHA, "test", damage(some()))  # type: ignore[operator]
    assert kept.read(weights, SHA, "test") is None
