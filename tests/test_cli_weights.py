"""import and export on the command line: what goes out comes back, and says where it is from."""

import pytest
import torch

from cnnlab import checkpoints, exports
from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store
from cnnlab.schema import TrainingConfig
from tests.factories import insert_run
from tests.hostile.weights import packed, sound


@pytest.fixture
def run(app_config: AppConfig) -> Run:
    """A trained run with the weights of its epochs."""
    return insert_run(Store(app_config), epochs=2, weights=True, dataset="shapes", lr=0.02, name="Mine")


def test_what_is_exported_can_be_imported(run: Run, app_config: AppConfig, tmp_path, capsys) -> None:
    """With all settings and the same numbers, without being told what it is."""
    file = tmp_path / "mine.safetensors"
    assert main(["export", "Mine", str(file)]) == 0
    assert "after epoch 2" in capsys.readouterr().out
    assert main(["import", str(file), "--name", "Again"]) == 0

    store = Store(app_config)
    again = store.list()[0]
    assert (again.name, again.status, again.config) == ("Again", RunStatus.IMPORTED, run.config)
    assert "it is SimpleCNN on shapes after epoch 2 of" in capsys.readouterr().out
    [new], old = store.weights(again.id), store.weights(run.id)[-1]
    ours, _ = checkpoints.read(store.path(old), old)
    theirs, _ = checkpoints.read(store.path(new), new)
    assert list(ours) == list(theirs)
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_nothing_is_overwritten_and_no_epoch_invented(run: Run, tmp_path, capsys) -> None:
    """A file that exists stays; an epoch that is not kept is refused with those that are."""
    file = tmp_path / "there.safetensors"
    file.write_text("precious")
    assert main(["export", "Mine", str(file)]) == 2
    assert file.read_text() == "precious"
    assert main(["export", "Mine", str(tmp_path / "new"), "--epoch", "77"]) == 2
    assert "has no weights of that epoch. It has: 0" in capsys.readouterr().err
    assert main(["export", "Nobody", str(tmp_path / "new")]) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--format", "epochs"], "Name one file to write: --to FILE."),
        (["a", "--to", "b"], "Name one file to write: --to FILE."),
        (
            ["a", "--format", "picture"],
            "There is no export 'picture'. Choose one of: epochs, paper, run, steps, weights.",
        ),
        (["a", "--format", "epochs", "--epoch", "1"], "leave it out with --format epochs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, options: list[str], sentence: str, tmp_path, monkeypatch, capsys
) -> None:
    """In a sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["export", "Mine", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_damaged_weights_are_a_fault_of_the_store(run: Run, app_config: AppConfig, tmp_path, capsys) -> None:
    """Nothing is written of them."""
    store = Store(app_config)
    newest = store.weights(run.id)[-1]
    store.path(newest).write_bytes(b"rubbish")
    assert main(["export", "Mine", "--to", str(tmp_path / "new")]) == 1
    assert "was altered or damaged" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_file_that_says_nothing_needs_to_be_told(app_config: AppConfig, tmp_path, capsys) -> None:
    """And the list and the settings then show what nobody knows as not known."""
    file = tmp_path / "plain.safetensors"
    file.write_bytes(packed(sound()))
    assert main(["import", str(file)]) == 2
    assert "Add --architecture and --dataset." in capsys.readouterr().err

    assert main(["import", str(file), "--architecture", "SimpleCNN", "--dataset", "shapes"]) == 0
    assert main(["show", "1"]) == 0
    shown = capsys.readouterr().out
    assert "imported. Loaded from the file “plain.safetensors”" in shown
    assert [line.split()[1:3] for line in shown.splitlines() if line.startswith("lr ")] == [["not", "known"]]
    assert main(["resume", "1"]) == 1
    assert Store(app_config).list()[0].config == TrainingConfig.model_validate(
        {**TrainingConfig().model_dump(), "dataset": "shapes", "dropout": 0.0, "batch_norm": False}
    )


def test_the_epoch_that_is_named_is_the_one_in_the_file(app_config: AppConfig, tmp_path, monkeypatch, capsys) -> None:
    """Also where a run in training commits another epoch while the file is written."""
    store, real = Store(app_config), exports.content
    run = insert_run(store, RunStatus.RUNNING, epochs=2, weights=True, dataset="shapes", name="Mine")

    def while_it_trains(export: exports.Export, source: exports.Source) -> bytes | str:
        content = real(export, source)
        path = store.folder(run.id) / "weights-0009.safetensors"
        file = checkpoints.write(path, {"x": torch.zeros(1)}, {"epoch": 9})
        named = {"name": path.name, "sha256": file.sha256, "bytes": file.bytes}
        store.commit(run.id, [], [Checkpoint(run_id=run.id, kind="weights", epoch=9, step=999, **named)])
        return content

    monkeypatch.setattr(exports, "content", while_it_trains)
    assert main(["export", "Mine", str(tmp_path / "mine")]) == 0
    assert store.weights(run.id)[-1].epoch == 9
    assert "after epoch 2 to" in capsys.readouterr().out


def test_other_names_are_listed_before_they_are_taken(app_config: AppConfig, tmp_path, capsys) -> None:
    """Without --match-names nothing is brought in; with it, each tensor is where the list said."""
    file = tmp_path / "plain.safetensors"
    file.write_bytes(packed({name.partition(".")[2]: array for name, array in sound().items()}))
    chosen = ["import", str(file), "--architecture", "SimpleCNN", "--dataset", "shapes"]
    assert main(chosen) == 2
    assert "  conv1.weight → base.conv1.weight\n" in capsys.readouterr().err
    store = Store(app_config)
    assert store.list() == []

    assert main([*chosen, "--match-names"]) == 0
    [weights] = store.weights(store.list()[0].id)
    tensors, _ = checkpoints.read(store.path(weights), weights)
    assert list(tensors) == list(sound())
    assert tensors["head.fc3.bias"].numpy().tolist() == sound()["head.fc3.bias"].tolist()
