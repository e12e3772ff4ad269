"""Probes: one at a time, shared, limited in time, and every end of theirs is a sentence."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import Forecast, Plan, Preflight
from cnnlab.runs.process.jobs import MOST_WAITING
from cnnlab.runs.process.measurements import Probe, Prober
from cnnlab.schema import TrainingConfig
from tests.waiting import eventually

ANSWER = Preflight(
    plan=Plan(threads=1, memory_format="contiguous", precision="float32", steps_per_record=1),
    forecast=Forecast(epoch_s=(1.0, 2.0), memory_bytes=(10, 20), steps=3),
    machine="CPU",
    device="cpu",
)
SAID = json.dumps({"type": "preflight", **ANSWER.model_dump(mode="json")})
MakeProber = Callable[..., Prober]


@pytest.fixture
def prober_of(app_config: AppConfig, tmp_path: Path) -> MakeProber:
    """prober_of(code): whose command is a script of that code, called like `python -m cnnlab`."""

    def make(code: str, limit_s: float = 20.0) -> Prober:
        script = tmp_path / "script.py"
        script.write_text(f"import json, os, sys, time\nLOG = {str(tmp_path / 'log')!r}\n{code}")
        return Prober(app_config, (sys.executable, str(script)), {"preflight": limit_s, "lr_range": limit_s})

    return make


def ended(*probes: Probe) -> None:
    """Wait until all are over."""
    eventually(lambda: all(probe.job.over for probe in probes))


def test_an_answer_comes_back(prober_of: MakeProber) -> None:
    """As the record it is, also after other lines; and it can be found again by its settings."""
    prober = prober_of(f"print('a warning'); print({SAID!r})")
    probe = prober.ask("preflight", TrainingConfig(), "me")
    ended(probe)
    assert probe.answer == ANSWER
    assert prober.find("preflight", TrainingConfig()) == probe
    assert prober.find("preflight", TrainingConfig(epochs=3)) is None
    assert prober.find("lr_range", TrainingConfig()) is None


def test_the_command_gets_the_settings_and_one_thread_beside_a_run(
    prober_of: MakeProber, app_config: AppConfig
) -> None:
    """As arguments, never through a shell; with the same home."""
    words = "[*sys.argv[1:], os.environ.get('CNNLAB_THREADS'), os.environ['CNNLAB_HOME']]"
    prober = prober_of(f"print(json.dumps({{'type': 'refused', 'sentences': {words}}}))")
    config = TrainingConfig(dataset="; echo 'hm' $HOME")
    gently = prober.ask("lr_range", config, "me", gently=True)
    ended(gently)
    expected = ["lr-range", "--json", "--config", config.model_dump_json(), "1", str(app_config.home)]
    assert gently.problem == " ".join(expected)


def test_thirty_browsers_start_one_process(prober_of: MakeProber, tmp_path: Path) -> None:
    """Who asks for the same while it is measured shares the answer; asked again afterwards, it is measured anew."""
    prober = prober_of(f"open(LOG, 'a').write('x'); time.sleep(0.5); print({SAID!r})")
    probes = [prober.ask("preflight", TrainingConfig(), "me") for _ in range(30)]
    ended(*probes)
    assert len({id(probe.job) for probe in probes}) == 1
    again = prober.ask("preflight", TrainingConfig(), "me")
    assert again.job is not probes[0].job
    ended(again)
    assert (tmp_path / "log").read_text() == "xx"


def test_different_questions_take_turns(prober_of: MakeProber, tmp_path: Path) -> None:
    """Never two processes at a time; one more than may wait is told so at once."""
    prober = prober_of(f"open(LOG, 'a').write('<'); time.sleep(0.1); open(LOG, 'a').write('>'); print({SAID!r})")
    probes = [prober.ask("preflight", TrainingConfig(seed=n), "me") for n in range(MOST_WAITING)]
    refused = prober.ask("preflight", TrainingConfig(seed=99), "me")
    assert refused.problem
    assert "others are waiting" in refused.problem
    ended(*probes)
    assert (tmp_path / "log").read_text() == "<>" * MOST_WAITING


def test_a_probe_that_takes_too_long_is_ended(prober_of: MakeProber, tmp_path: Path) -> None:
    """Killed, not left behind; the sentence says what to do."""
    probe = prober_of("open(LOG, 'w').write(str(os.getpid())); time.sleep(600)", limit_s=1.0).ask(
        "lr_range", TrainingConfig(), "me"
    )
    ended(probe)
    assert probe.problem
    assert "cancelled" in probe.problem
    assert not Path(f"/proc/{(tmp_path / 'log').read_text()}").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "print(json.dumps({'type': 'refused', 'sentences': ['Too large.', 'Try 2.']})); sys.exit(2)",
            "Too large. Try 2.",
        ),
        ("sys.exit(1)", "ended without an answer"),
        ("print('{'); print('{}')", "ended without an answer"),
        ("print(json.dumps({'type': 'preflight', 'plan': 3}))", "ended without an answer"),
        ("os.kill(os.getpid(), 9)", "perhaps the memory of the machine is full"),
    ],
)
def test_every_failure_is_a_sentence(code: str, words: str, prober_of: MakeProber) -> None:
    """What the command said, or that it said nothing that can be read."""
    probe = prober_of(code).ask("preflight", TrainingConfig(), "me")
    ended(probe)
    assert probe.answer is None
    assert probe.problem
    assert words in probe.problem


def test_a_command_that_is_not_there_is_a_sentence(app_config: AppConfig) -> None:
    """The thread that measures never dies with a page waiting for it."""
    prober = Prober(app_config, ("/nowhere/python",))
    probe = prober.ask("preflight", TrainingConfig(), "me")
    ended(probe)
    assert probe.problem
    assert "Nothing could be computed" in probe.problem


def test_stopping_ends_the_one_at_work(prober_of: MakeProber, tmp_path: Path) -> None:
    """The server ends, and nothing measures on."""
    prober = prober_of("open(LOG, 'w').write(str(os.getpid())); time.sleep(600)")
    probe = prober.ask("preflight", TrainingConfig(), "me")
    eventually(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text())
    prober.stop()
    ended(probe)
    assert not Path(f"/proc/{(tmp_path / 'log').read_text()}").exists()


def test_a_server_that_ends_begins_no_measurement_any_more(prober_of: MakeProber, tmp_path: Path) -> None:
    """The one at work is ended, and those that wait say that they were not begun."""
    prober = prober_of("open(LOG, 'a').write('started '); time.sleep(600)", limit_s=600.0)
    probes = [prober.ask("preflight", TrainingConfig(seed=seed), "me") for seed in range(3)]
    eventually((tmp_path / "log").exists)
    prober.stop()
    ended(*probes)
    assert (tmp_path / "log").read_text() == "started "
    assert all(probe.answer is None and probe.problem for probe in probes)
