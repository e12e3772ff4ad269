"""The network at a glance: which maps of a layer are there, what their bytes are, and what a map is made from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.dashboard.inspect import glance
from cnnlab.dashboard.widgets.color_scales import map_scale
from cnnlab.data import DATASETS
from cnnlab.formatting import percent
from cnnlab.inspection import feature_maps
from cnnlab.inspection.feature_maps import FeatureMaps
from cnnlab.inspection.summary import summarise
from cnnlab.models import build, complete
from cnnlab.schema import TrainingConfig
from tests.factories import architectures

INFO = DATASETS.get("shapes").info


def looked_at(architecture: str, monkeypatch: pytest.MonkeyPatch, chosen: tuple[int, int]) -> tuple[FeatureMaps, Any]:
    """What the network sees in noise, and what the browser is told of it; `chosen`: number of the layer, and its map."""
    config = complete(TrainingConfig(architecture=architecture, dataset="shapes"))
    torch.manual_seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    seen = feature_maps.compute(build(config, INFO).eval(), picture, (0.5,) * 3, (0.5,) * 3)
    told: list[Mapping[str, Any]] = []
    monkeypatch.setattr(glance, "_glance", lambda **said: told.append(said["data"]))
    at = seen.layers[chosen[0]].name, chosen[1]
    glance.draw(picture, seen, summarise(config, INFO), INFO.classes, at, lambda layer, channel: None)
    return seen, told[0]


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_the_bytes_are_the_maps_on_their_layers_scale(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every layer, in order; within half a step of the colour scale that is named."""
    seen, data = looked_at(architecture, monkeypatch, (0, 0))
    levels, start = data["pixels"].column("levels").to_numpy(), 0
    assert [block["label"] for block in data["blocks"]] == [layer.label for layer in seen.layers]
    for block, layer in zip(data["blocks"], seen.layers, strict=True):
        maps = layer.maps[block["shown"]]
        drawn = levels[start : start + maps.size].reshape(maps.shape)
        start += maps.size
        low, high = map_scale(layer, seen, "layer").of_tile(0)
        assert np.abs(drawn / 255 * (high - low) + low - maps).max() <= (high - low) / 255 * 0.51
    assert start == len(levels)
    assert data["classes"][0]["said"] == percent(float(seen.probabilities.max()))


def test_the_strongest_maps_are_shown_and_the_chosen_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the mean size of their values; in the layer's own order."""
    seen, data = looked_at("VGGishCNN", monkeypatch, (0, 0))
    sizes = np.abs(seen.layers[0].maps).mean(axis=(1, 2))
    best = set(np.argsort(-sizes)[:8].tolist())
    weakest = int(sizes.argmin())
    assert data["blocks"][0]["shown"] == sorted(best | {0}) or 0 not in best
    assert set(glance.strongest(seen.layers[0])) == best
    assert glance.strongest(seen.layers[0], weakest) == sorted({*np.argsort(-sizes)[:7].tolist(), weakest})
    assert "and its 8 strongest maps at most." in glance.hint(seen)


def test_a_map_knows_what_it_is_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution's from all maps of the layer before, an activation's from the one of its own number."""
    _, data = looked_at("SimpleCNN", monkeypatch, (1, 3))
    first, relu, pool, second = data["blocks"][:4]
    assert (first["inputs"], first["all"]) == ([-1], True)
    assert (relu["inputs"], relu["all"]) == ([0], False)
    assert (pool["inputs"], pool["all"]) == ([1], False)
    assert (second["inputs"], second["all"]) == ([2], True)
    assert data["chosen"] == [1, 3]
