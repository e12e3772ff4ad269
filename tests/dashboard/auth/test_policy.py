"""Which door this server has: whatever is wrong with what it was told, nobody comes in who should not."""

import os
import sys
from pathlib import Path

import pytest

from cnnlab.app_config import AccessConfig, AppConfig, AppConfigError, without_codes
from cnnlab.dashboard.auth import Gate, policy
from cnnlab.dashboard.auth.policy import Door, door, invited
from cnnlab.runs.process.launcher import Launcher, environment_of
from tests.dashboard.auth.conftest import CODE, TEACHER_CODE, app

ALL = [f"CNNLAB_{name.upper()}" for name in AccessConfig.model_fields]


@pytest.fixture(autouse=True)
def nothing_set(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(policy, "openid_configured", lambda: False)
    policy._door.cache_clear()


def set_up(monkeypatch: pytest.MonkeyPatch, **values: str) -> Door:
    """The door with these variables."""
    for name, value in values.items():
        monkeypatch.setenv(f"CNNLAB_{name.upper()}", value)
    return door()


def test_without_anything_it_is_this_machines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with an empty code, which is none."""
    assert door().kind == set_up(monkeypatch, access_code="").kind == "local"


def test_with_a_code_people_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same passes, however often the door is looked at."""
    one = set_up(monkeypatch, access_code=CODE, teacher_code=TEACHER_CODE)

    assert one.kind == "code"
    assert one is door()
    assert one.passes
    assert [one.passes.kind_of(code) for code in (CODE, TEACHER_CODE, "", CODE[1:])] == [
        "person",
        "teacher",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"access_code": "short"},
        {"access_code": "x" * 201},
        {"access_code": CODE, "teacher_code": "short"},
        {"teacher_code": TEACHER_CODE},
        {"access_code": CODE, "teacher_code": CODE},
    ],
)
def test_a_code_that_will_not_do_shuts_the_door(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Instead of leaving it open; the sentence names the variable, and not what it is set to."""
    shut = set_up(monkeypatch, **values)

    assert (shut.kind, shut.passes) == ("shut", None)
    assert "CNNLAB_" in shut.sentence
    assert not any(value in shut.sentence for value in values.values())


@pytest.mark.parametrize("code", ["password", "12345678", "sommer26", "aaaaaaaaaaaa"])
def test_a_code_that_falls_within_a_day_is_refused(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Every right code is heard, so the code itself must withstand guessing; who started the server is given a better one."""
    shut = set_up(monkeypatch, access_code=code)

    assert (shut.kind, shut.passes) == ("shut", None)
    assert "CNNLAB_ACCESS_CODE can be guessed within a day" in shut.sentence
    better = shut.advice[0].split()[-1].strip(".")
    assert better not in shut.sentence  # every visitor reads that
    assert set_up(monkeypatch, access_code=better).advice == ()


def test_a_weak_code_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Which one, and what would do; a strong one is not talked about. Nobody reads there what the code is."""
    here = set_up(monkeypatch, access_code="klasse8b-x", teacher_code=TEACHER_CODE)
    assert here.kind == "code"
    Gate(app, lambda: here)._open()
    said = capsys.readouterr().err

    assert "CNNLAB_ACCESS_CODE is weak" in said
    assert "made for you just now" in said
    assert "TEACHER" not in said
    assert "klasse8b-x" not in said
    assert set_up(monkeypatch, access_code=CODE).advice == ()


def test_new_codes_cannot_be_guessed() -> None:
    """Each another, and each as strong as is asked of a typed one."""
    codes = [policy.new_code() for _ in range(100)]

    assert len(set(codes)) == 100
    assert min(map(policy.guesses_for, codes)) >= policy.STANDS
    assert policy.guesses_for("x" * 200) < policy.FALLS_AT_ONCE


def test_believing_everybodys_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names all proxies names none."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")

    assert "FORWARDED_ALLOW_IPS=*" in set_up(monkeypatch, access_code=CODE).advice[0]


def test_a_home_that_cannot_be_used_shuts_the_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no key to sign passes with."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNLAB_HOME", str(tmp_path / "file"))

    assert set_up(monkeypatch, access_code=CODE).kind == "shut"


@pytest.mark.parametrize(
    ("values", "authlib", "kind"),
    [
        ({"people": "*"}, True, "openid"),
        ({}, True, "shut"),
        ({"people": ""}, True, "shut"),
        ({"people": "*", "access_code": CODE}, True, "shut"),
        ({"people": "*"}, False, "shut"),
    ],
)
def test_with_a_provider(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], authlib: bool, kind: str) -> None:
    """It must be said who may come in, and one way in is enough."""
    monkeypatch.setattr(policy, "openid_configured", lambda: True)
    monkeypatch.setattr(policy.importlib.util, "find_spec", lambda name: object() if authlib else None)

    assert set_up(monkeypatch, **values).kind == kind


def test_who_is_invited() -> None:
    """By address, by the whole domain, by being a teacher; letters' case does not matter."""
    here = Door(
        "openid", people=frozenset({"@school.example", "bob@x.example"}), teachers=frozenset({"grace@y.example"})
    )

    for address in ("Ada@SCHOOL.example", " bob@x.example", "grace@y.example"):
        assert invited({"email": address}, here) == address.strip().casefold()
    for address in ("ada@sub.school.example", "rob@x.example", "*", "@", "", None, 3, "a@b@school.example"):
        assert invited({"email": address}, here) is None
    assert invited({"email": "a@school.example", "email_verified": False}, here) is None
    assert invited({}, Door("openid", people=frozenset("*"))) is None


def test_no_code_is_told_to_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by printing settings, not in a fault, not to the processes that train and measure."""
    set_up(monkeypatch, access_code=CODE, teacher_code=TEACHER_CODE, people="ada@school.example")
    told = [repr(AccessConfig()), str(AccessConfig().model_dump()), AccessConfig().model_dump_json()]
    told += [repr(AppConfig()), str(environment_of(AppConfig())), str(without_codes(os.environ)), repr(door())]
    with pytest.raises(AppConfigError) as wrong:
        AccessConfig(access_code="secret!")
    told.append(str(wrong.value))

    for text in told:
        assert CODE not in text
        assert TEACHER_CODE not in text
        assert "secret!" not in text
    assert "CNNLAB_ACCESS_CODE cannot be what it is" in told[-1]
    assert not set(ALL) & set(without_codes(os.environ))


def test_a_worker_does_not_know_the_code(
    monkeypatch: pytest.MonkeyPatch, app_config: AppConfig, tmp_path: Path
) -> None:
    """As the launcher really starts it."""
    set_up(monkeypatch, access_code=CODE)
    code = f"import os, pathlib; pathlib.Path({str(tmp_path / 'told')!r}).write_text(str(dict(os.environ)))"
    worker = Launcher(app_config, (sys.executable, "-c", code))._launch()
    assert worker.process.wait(60) == 0

    told = (tmp_path / "told").read_text()
    assert "CNNLAB_HOME" in told
    assert CODE not in told
    assert "ACCESS_CODE" not in told


def test_every_process_of_ours_is_started_without_the_codes() -> None:
    """Wherever one is started with this process's variables, they go through `without_codes`."""
    root = Path(policy.__file__).resolve().parents[2]
    started = [
        path for path in root.rglob("*.py") if "Popen(" in path.read_text() or "subprocess.run(" in path.read_text()
    ]

    assert len(started) >= 2
    for path in started:
        assert "env=os.environ" not in path.read_text(), path
