"""inspect on the command line: the numbers are those that the views compute, and what is not there is said."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.data import DATASETS
from cnnlab.inspection import feature_maps
from cnnlab.inspection.feature_maps import FeatureMaps
from cnnlab.inspection.networks import load_network
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.views import _print
from tests.factories import insert_run

INFO = DATASETS.get("shapes").info


@pytest.fixture
def run(app_config: AppConfig) -> Run:
    """A run with the weights of its epochs."""
    return insert_run(Store(app_config), epochs=2, weights=True, dataset="shapes", name="Mine")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views are asked in this process: another one would take seconds to load torch."""

    class Ended:
        def __init__(self, command: list[str], input: str, text: bool) -> None:
            assert command[1:] == ["-m", "cnnlab.views._print"]
            assert text
            monkeypatch.setattr("sys.stdin", io.StringIO(input))
            self.returncode = _print.main()

    monkeypatch.setattr("cnnlab.cli._inspect.subprocess.run", Ended)


def seen(store: Store, run: Run, picture: np.ndarray) -> FeatureMaps:
    """What the newest network makes of a picture."""
    weights = store.weights(run.id)[-1]
    network = load_network(run.config, INFO, store.path(weights), weights)
    return feature_maps.compute(network, picture, (0.5,) * 3, (0.5,) * 3)


def test_another_process_computes(run: Run, capfd) -> None:
    """What it prints is the command's answer, and its exit code the command's own."""
    assert main(["inspect", "Mine", "--json", "--view", "kernels", "--layer", "conv2"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (facts["name"], facts["shape"]) == ("array", [16, 6, 5, 5])


@pytest.mark.usefixtures("here")
def test_the_numbers_are_those_of_the_view(run: Run, app_config: AppConfig, capsys) -> None:
    """Every array has a line, with its shape and its bounds; a short one is there whole."""
    assert main(["inspect", "Mine", "--json"]) == 0
    lines = {facts["name"]: facts for facts in map(json.loads, capsys.readouterr().out.splitlines())}

    picture = np.array(DATASETS.get("shapes").load(app_config.data).test_images[0])
    expected = seen(Store(app_config), run, picture)
    assert lines["logits"]["values"] == expected.logits.tolist()
    maps = lines["layers[0].maps"]
    assert maps["shape"] == list(expected.layers[0].maps.shape)
    assert maps["max"] == pytest.approx(float(expected.layers[0].maps.max()))
    assert "values" not in maps
    assert lines["layers[0].name"]["value"] == expected.layers[0].name


@pytest.mark.usefixtures("here")
def test_a_picture_of_ones_own_is_fitted_as_on_the_page(
    run: Run, app_config: AppConfig, tmp_path: Path, capsys
) -> None:
    """A file, in words for people."""
    Image.fromarray(np.full((32, 32, 3), 200, dtype=np.uint8)).save(tmp_path / "grey.png")
    assert main(["inspect", str(run.number), "--picture", str(tmp_path / "grey.png")]) == 0
    said = capsys.readouterr().out

    expected = seen(Store(app_config), run, np.full((32, 32, 3), 200, dtype=np.uint8))
    (line,) = (line for line in said.splitlines() if line.startswith("logits: "))
    assert line.startswith("logits: 10 float32, min ")
    np.testing.assert_allclose([float(part) for part in line.split(": ")[-1].split()], expected.logits, rtol=1e-4)


@pytest.mark.usefixtures("here")
def test_a_whole_set_is_measured_once_and_kept(run: Run, app_config: AppConfig, capsys, monkeypatch) -> None:
    """The dashboard finds what the command line has computed."""
    asked = ["inspect", "Mine", "--view", "confusion", "--set", "test"]
    assert main(asked) == 0
    first = capsys.readouterr().out
    assert list((app_config.home / "views").glob("predictions-*")), "under the name that all views of the page share"
    monkeypatch.setattr(_print.kept_arrays, "write", None)  # a second time nothing is computed or written
    assert main(asked) == 0
    assert capsys.readouterr().out == first


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--view", "dreams"], 2, "There is no view 'dreams'."),
        (["--epoch", "9"], 2, "The weights of epoch 9 are not kept. Kept are those of: 0, 1, 2."),
        (["--picture", "test:99999999"], 2, "shapes has the test pictures 0 to"),
        (["--picture", "nowhere.png"], 2, "The picture “nowhere.png” cannot be read: No such file or directory."),
        (["--picture", __file__], 2, "This is not a picture of a kind that can be read here"),
        (["--view", "kernels", "--layer", "conv99"], 2, "There is no layer “conv99”. There is: conv1"),
        (["--view", "grad_cam", "--class", "dragon"], 2, "There is no class “dragon”. There is: "),
        (["--view", "confusion", "--set", "all"], 2, "There is no set of pictures “all”. There is: test"),
        (["--option", "baseline"], 2, "“baseline” is not written as name=value."),
    ],
)
def test_what_is_not_there_is_said(run: Run, options: list[str], code: int, sentence: str, capsys) -> None:
    """In a sentence, with what there is."""
    assert main(["inspect", "Mine", *options]) == code
    assert sentence in capsys.readouterr().err


def test_runs_without_weights_and_unknown_runs(app_config: AppConfig, capsys) -> None:
    """Each has a sentence and an exit code of its own."""
    assert main(["inspect", "Nobody"]) == 3
    insert_run(Store(app_config), RunStatus.STOPPED, epochs=0, name="Empty")
    assert main(["inspect", "Empty"]) == 1
    assert "has no weights to look into" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_lesions_and_movement(run: Run, capsys) -> None:
    """A view's own choice, and all kept checkpoints, reach the view."""
    asked = ["--view", "lesions", "--set", "validation", "--option", "lesion=start:0.1"]
    assert main(["inspect", "Mine", "--json", *asked]) == 0
    facts = {it["name"]: it for it in map(json.loads, capsys.readouterr().out.splitlines())}
    assert facts["after"]["shape"] == [1, run.config.validation_size]
    assert main(["inspect", "Mine", "--json", "--view", "movement"]) == 0
    facts = {it["name"]: it for it in map(json.loads, capsys.readouterr().out.splitlines())}
    assert facts["since_first"]["shape"] == [3, 6]


@pytest.mark.usefixtures("here")
def test_the_network_after_a_step_of_epoch_1(app_config: AppConfig, capsys) -> None:
    """Its kernels, not those of epoch 0; which steps there are is said where one is not."""
    store = Store(app_config)
    run = insert_run(store, epochs=1, weights=True, early=(1, 2), dataset="shapes", name="Early")
    assert main(["inspect", "Early", "--json", "--view", "kernels", "--layer", "conv1", "--step", "2"]) == 0
    facts = json.loads(capsys.readouterr().out)
    weights = store.early(run.id)[1]
    tensors, _ = checkpoints.read(store.path(weights), weights)
    kernels = tensors["base.conv1.weight"].numpy()
    assert (facts["min"], facts["max"]) == (pytest.approx(float(kernels.min())), pytest.approx(float(kernels.max())))

    for options, said in (
        (["--step", "3"], "Kept are those after step: 1, 2."),
        (["--step", "2", "--epoch", "1"], "Give --epoch or --step, not both"),
    ):
        assert main(["inspect", "Early", *options]) == 2
        assert said in capsys.readouterr().err


def test_a_run_without_steps_says_so(run: Run, capsys) -> None:
    """As those of an older cnnlab."""
    assert main(["inspect", "Mine", "--step", "1"]) == 2
    assert "This run keeps none within epoch 1." in capsys.readouterr().err
