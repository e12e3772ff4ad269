"""PyTorch's own files from a stranger: a state_dict becomes safetensors, and nothing else is opened or run."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from cnnlab.models import pth, weights_file
from cnnlab.models.pth import _process
from cnnlab.models.weights_file import WeightsError
from tests.hostile.torch_files import AFTER_THE_FIRST_WALL, OK, WEIGHTS, files, saved

ROOT = Path(__file__).resolve().parents[2]
VERDICTS = {name: verdict for name, (_, verdict) in files(Path("sentinel")).items()}
LIMIT_S, LIMIT_BYTES = 5.0, 300_000_000


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """How the reader ended on each file, what it took and what it wrote."""
    folder = tmp_path_factory.mktemp("torch_files")
    paths = {}
    for number, (name, (content, _)) in enumerate(files(folder / "sentinel").items()):
        paths[name] = folder / f"{number}.pth"
        paths[name].write_bytes(content)
    script = [sys.executable, str(Path(__file__).with_name("torch_files_run.py")), str(ROOT)]
    given = "\n".join(map(str, paths.values()))
    done = subprocess.run(script, input=given, capture_output=True, text=True, check=True)
    facts = map(json.loads, done.stdout.splitlines())
    return {
        name: {**taken, "answer": Path(f"{path}.answer").read_bytes(), "sentinel": (folder / "sentinel").exists()}
        for (name, path), taken in zip(paths.items(), facts, strict=True)
    }


@pytest.mark.parametrize(("name", "expected"), VERDICTS.items(), ids=VERDICTS)
def test_each_ends_as_it_must(name: str, expected: int, answers: dict[str, dict]) -> None:
    """With its weights or with its own verdict, within 5 s and little memory, and no program in it has run."""
    taken = answers[name]

    assert taken["code"] == expected, taken["answer"][:80]
    assert taken["cpu_s"] < LIMIT_S
    assert not taken["sentinel"]
    if expected == OK:
        assert weights_file.read_header(io.BytesIO(taken["answer"])).order
    else:
        assert len(taken["answer"]) <= 200


@pytest.mark.slow
def test_a_file_comes_out_with_its_numbers_and_its_order() -> None:
    """By the whole way, in a process of its own: every number where it was, and the order that safetensors would lose."""
    with pth.as_safetensors(io.BytesIO(saved(WEIGHTS))) as file:
        header = weights_file.read_header(file)
        assert header.order == ("conv1.weight", "conv1.bias")
        file.seek(0)
        loaded = safetensors.torch.load(file.read())
    assert all(torch.equal(loaded[name], tensor) for name, tensor in WEIGHTS.items())


def test_a_program_is_named_and_not_run() -> None:
    """The sentence names what the file asked for, and the way to convert it."""
    given = io.BytesIO(saved(torch.nn.Linear(2, 2)))
    asked = r"torch\.nn\.modules\.linear\.Linear.*save_file"
    with pytest.raises(WeightsError, match=asked), pth.as_safetensors(given):
        pass


def test_what_the_file_says_is_shown_short_and_plain() -> None:
    """One line, no marks that turn the text around."""
    sentence = pth._refusal(_process.PROGRAM, "posix.system\nand\u202emore".encode() * 20)
    assert "\n" not in sentence
    assert "\u202e" not in sentence
    assert len(sentence) < 400


def test_a_safetensors_file_costs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed on as it is."""
    monkeypatch.setattr(pth.confined, "run", None)
    given = io.BytesIO(b"12345678{}")
    with pth.as_safetensors(given) as file:
        assert file is given


@pytest.mark.slow
def test_the_walls_hold_behind_each_other() -> None:
    """A program that had come through both other walls could open no file, start no process and take no memory."""
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from cnnlab.models.pth import _process\n"
        "_process.get_ready(); _process.limit(1_000)\n"
        f"for name, program in {AFTER_THE_FIRST_WALL!r}.items():\n"
        "    try: eval(program)\n"
        "    except (OSError, MemoryError): continue\n"
        "    print(name, 'was allowed')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_weights_only_refuses_by_itself(tmp_path: Path) -> None:
    """The second wall without the first: torch refuses the same pickles."""
    import pickle

    sentinel = tmp_path / "sentinel"
    for name, (content, verdict) in files(sentinel).items():
        if verdict == _process.PROGRAM:
            with pytest.raises((pickle.UnpicklingError, RuntimeError, AttributeError)):
                torch.load(io.BytesIO(content), weights_only=True)
            assert not sentinel.exists(), name
