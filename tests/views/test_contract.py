"""What every view owes, on every architecture: a new one gets these tests for nothing."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.checkpoints import WrittenFile
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect import cache
from cnnlab.dashboard.inspect.selection import KeptWeights, Other
from cnnlab.dashboard.inspect.view import VIEWS, Cost, Need, Subject, View, views_of
from cnnlab.data import DATASETS, Arrays
from cnnlab.inspection import summary
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.channels import activation_maximisation
from cnnlab.inspection.picture_map import tsne
from cnnlab.inspection.training_mode import batch
from cnnlab.models import Network, build, complete
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from cnnlab.views.data import duplicates
from tests.factories import architectures, insert_run

ROOT = Path(__file__).resolve().parents[2]
INFO = DATASETS.get("shapes").info
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@pytest.fixture(scope="module", params=architectures("VGGishCNN"))
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A checkpoint of each architecture, and something chosen for every need."""
    config = complete(TrainingConfig(architecture=request.param, dataset="shapes", validation_size=40))
    path = tmp_path_factory.mktemp("weights") / "weights-0003.safetensors"
    data = AppConfig().data
    picture = np.array(DATASETS.get("shapes").load(data).test_images[0])
    file = written(config, path)
    return Subject(
        config=config, info=INFO, folders=data, weights=path, file=file, epoch=3,
        channel=0, picture=picture, set="validation", class_index=4, options=(("lesion", "silence:0"),),
        beside=Other(config, path, file),
        start=KeptWeights(0, path, file), history=(KeptWeights(0, path, file), KeptWeights(3, path, file)),
    )  # fmt: skip


def written(config: TrainingConfig, path: Path) -> WrittenFile:
    """A checkpoint of an untrained network with these settings, written to `path`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return checkpoints.write(path, build(config, INFO).state_dict(), {"epoch": 3})


def with_every_layer(whole: Subject) -> Subject:
    """The same architecture with the layers that settings add to it."""
    assert whole.weights is not None
    config = whole.config.model_copy(update={"dropout": 0.25, "batch_norm": True})
    path = whole.weights.with_name("weights-0004.safetensors")
    return dataclasses.replace(whole, config=config, weights=path, file=written(config, path))


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is made step by step is made in a few; of a batch a few pictures are looked at."""
    monkeypatch.setattr(activation_maximisation, "STEPS", 3)
    monkeypatch.setattr(tsne, "EARLY", 10)
    monkeypatch.setattr(tsne, "LATE", 10)
    monkeypatch.setattr(batch, "MOST_PICTURES", 4)


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are all compared with each other are few."""
    few = Arrays(*(part[:300] for part in vars(DATASETS.get("shapes").load(AppConfig().data)).values()))
    monkeypatch.setattr(duplicates, "arrays_here", lambda info, folders: few)


@pytest.fixture(params=VIEWS.names())
def view(request: pytest.FixtureRequest) -> View[Any]:
    """Every view."""
    return VIEWS.get(request.param)


def subjects(view: View[Any], whole: Subject) -> Iterator[Subject]:
    """The subject as the frame hands it over: only what the view needs, for every layer that it can show.

    A view of a whole dataset looks at the first, the middle and the last of them. Where the architecture by itself has no
    such layer, it is looked at with those that settings add.
    """
    rows = [row for row in summary.summarise(whole.config, INFO) if view.layers.among(row)]
    if not rows:
        whole = with_every_layer(whole)
        rows = [row for row in summary.summarise(whole.config, INFO) if view.layers.among(row)]
    assert rows
    if view.cost == "dataset":
        rows = [rows[place] for place in sorted({0, len(rows) // 2, len(rows) - 1})]
    layers = [row.name for row in rows] if "layer" in view.needs else [None]
    for layer in layers:
        yield dataclasses.replace(whole, layer=layer).only(view.needs)


def arrays_in(answer: Any) -> Iterator[np.ndarray]:
    """The arrays of an answer, which may hold nothing but arrays, numbers, words and dataclasses or tuples of such."""
    if isinstance(answer, np.ndarray):
        yield answer
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from arrays_in(getattr(answer, field.name))
    elif isinstance(answer, tuple):
        for part in answer:
            yield from arrays_in(part)
    else:
        assert isinstance(answer, int | float | str), type(answer)


def test_it_says_what_it_is(view: View[Any]) -> None:
    """Name, title, source, known needs and cost; its page stands in the navigation."""
    assert view.title
    assert len(view.source) > 40
    assert view.chooses <= set(get_args(Need))
    assert not view.needs & view.shows
    assert view.cost in get_args(Cost)
    assert (navigation.PAGES / f"{view.page}.py").is_file()
    assert view.page in {name for name in dir(navigation)}
    assert view in views_of(view.page)


def test_finite_arrays_and_no_trace(view: View[Any], whole: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every architecture and layer: finite numbers, the same twice; network and random state as they were."""
    looked_at: list[Network] = []

    @contextmanager
    def lend(subject: Subject) -> Iterator[Network]:
        with real(subject) as network:
            network.train()
            looked_at.append(network)
            yield network

    real = Subject.network
    monkeypatch.setattr(Subject, "network", lend)
    random = torch.get_rng_state()
    for subject in subjects(view, whole):
        first, second = view.compute(subject), view.compute(subject)
        found, again = list(arrays_in(first)), list(arrays_in(second))
        assert found
        for one, other in zip(found, again, strict=True):
            assert np.isfinite(one).all()
            np.testing.assert_array_equal(one, other)
    assert torch.equal(random, torch.get_rng_state())
    for network in looked_at:
        assert all(module.training for module in network.modules())
        assert all(parameter.grad is None for parameter in network.parameters())
        assert not any(getattr(module, hooks) for module in network.modules() for hooks in HOOKS)
        assert leaves_of(network)


@pytest.mark.parametrize("name", [view.name for view in VIEWS if view.cost == "dataset"])
def test_a_dataset_view_never_computes_in_a_page(name: str, whole: Subject) -> None:
    """It is refused; its answer can be kept on the disk; what it needs can be said on a command line, its work to people."""
    view = dataclasses.replace(VIEWS.get(name), small=lambda subject: False)  # as where there is much work
    with pytest.raises(cache.TooLongForAPageError, match=view.title):
        cache.arrays_of(view, whole)
    kind = get_type_hints(view.compute)["return"]
    assert dataclasses.is_dataclass(kind)
    assert "picture" not in view.needs
    work = view.work(next(subjects(view, whole)))
    assert re.fullmatch(r"[A-Z0-9][^.]+\.", work), "beside the button stands one sentence that says what it starts"
    answer = view.compute(next(subjects(view, whole)))
    assert all(isinstance(getattr(answer, field.name), np.ndarray) for field in dataclasses.fields(answer))


def test_what_is_not_needed_is_not_in_the_key(view: View[Any], whole: Subject) -> None:
    """So that a click on a channel does not compute the layer again, and no answer is shown under another's key."""
    others = {
        "epoch": {"file": WrittenFile("weights-0009.safetensors", "0" * 64, 8), "epoch": 9},
        "layer": {"layer": "base.other"},
        "channel": {"channel": 5},
        "set": {"set": "test"},
        "class": {"class_index": 2},
        "options": {"options": (("random", "base.conv1"),)},
        "start": {"start": None},
        "history": {"history": ()},
        "beside": {"beside": None},
    }
    for need, change in others.items():
        changed = dataclasses.replace(whole, **change).only(view.needs)
        assert (changed.key != whole.only(view.needs).key) == (need in view.needs), need
    assert (whole.only(view.needs).picture is not None) == ("picture" in view.needs)
    other_settings = whole.config.model_copy(update={"lr": 0.5})
    changed = dataclasses.replace(whole, config=other_settings).only(view.needs)
    assert (changed.key != whole.only(view.needs).key) == bool(view.needs - {"picture", "class", "options"})


@pytest.mark.parametrize("page", ["kernels", "feature_maps", "predictions", "data"])
def test_no_two_views_of_a_page_share_a_place(page: str) -> None:
    """What stands first is chosen, not left to the alphabet; only the page's own view needs no place."""
    places = [view.place for view in views_of(page) if view.name != page]
    assert places == sorted(set(places))


def test_what_excites_a_channel_comes_second() -> None:
    """After what it looks for, before the rest."""
    assert [view.name for view in views_of("kernels")][:2] == ["kernels", "top_activations"]


VIEW = '''
"""The Mean view gives the mean of a picture."""
import numpy as np
import streamlit as st
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register

def compute(subject: Subject) -> np.ndarray:
    return subject.picture.mean(axis=(0, 1))

def draw(screen: Screen, mean: np.ndarray) -> None:
    st.markdown(f"mean of red: {mean[0]:.6f}")

register(View("mean", "Mean colour", "feature_maps", compute, draw, frozenset({"picture"}), "instant", "Arithmetic."))
'''
OPEN = """
import os
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("cnnlab/dashboard/app/router.py", default_timeout=60)
app.query_params["run"], app.query_params["view"], app.query_params["picture"] = sys.argv[1], "mean", "test:3"
app.switch_page(os.path.abspath("pages/feature_maps.py")).run()
assert not app.exception, app.exception
strip = next(one for one in app.segmented_control if one.label == "View")
print(strip.options, [one.value for one in app.markdown], dict(app.query_params))
"""


def test_a_file_is_all_that_a_view_takes(app_config: AppConfig, tmp_path: Path) -> None:
    """Dropped into a copy of the tree, it stands on its page, in the strip and in the address."""
    run = insert_run(Store(app_config), RunStatus.FINISHED, epochs=1, weights=True).id
    for name in ("cnnlab", "pages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cnnlab" / "views" / "mean.py").write_text(VIEW)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", OPEN, run], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    picture = DATASETS.get("shapes").load(app_config.data).test_images[3]
    assert f"mean of red: {picture.mean(axis=(0, 1))[0]:.6f}" in done.stdout
    assert "Mean colour" in done.stdout
    assert "'view': 'mean'" in done.stdout
