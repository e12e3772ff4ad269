"""What holds the dashboard together: its settings, its files, its routes, its words."""

import html
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.app import errors, navigation
from cnnlab.dashboard.run.latest import standing
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures import style
from cnnlab.figures.style import DANGER, TEST, TRAIN, VALIDATION
from cnnlab.records import RunStatus
from cnnlab.runs import Store, StoreError
from cnnlab.runs.run import MEASURE
from cnnlab.schema import TrainingConfig
from tests.factories import insert_run

ROOT = Path(__file__).resolve().parents[3]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("server.address", "127.0.0.1"),
        ("server.enableXsrfProtection", True),
        ("server.enableCORS", True),
        ("server.maxUploadSize", 25),
        ("server.maxMessageSize", 50),
        ("server.enableStaticServing", True),
        ("server.showEmailPrompt", False),
        ("server.fileWatcherType", "none"),
        ("runner.postScriptGC", False),
        ("runner.magicEnabled", False),
        ("client.showErrorDetails", "none"),
        ("client.toolbarMode", "viewer"),
        ("browser.gatherUsageStats", False),
    ],
)
def test_the_server_is_safe_and_quick_as_configured(option: str, value: object) -> None:
    """Listens on this machine only, tells nothing to strangers, collects no garbage after every poll."""
    section, name = option.split(".")

    assert CONFIG[section][name] == value


def test_streamlit_knows_every_option() -> None:
    """A misspelt option would be ignored in silence."""
    from streamlit import config

    known = set(config._config_options_template)
    given_options = {
        f"{section}.{name}" for section, options in CONFIG.items() for name in options if section != "theme"
    }
    themes = {f"theme.{name}" for name, value in CONFIG["theme"].items() if not isinstance(value, dict)}

    assert not (given_options | themes) - known


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_both_themes_are_designed(mode: str) -> None:
    """Each has its own colours, and body text stands out from its paper by the 4.5 : 1 of WCAG AA."""
    theme = CONFIG["theme"][mode]

    assert contrast(theme["textColor"], theme["backgroundColor"]) > 7
    assert contrast(theme["grayTextColor"], theme["backgroundColor"]) > 4.5
    assert contrast(theme["linkColor"], theme["backgroundColor"]) > 4.5
    for hue in ("blue", "green", "orange", "red"):
        assert contrast(theme[f"{hue}TextColor"], theme["backgroundColor"]) > 4.5


def contrast(a: str, b: str) -> float:
    """WCAG 2's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of "#RRGGBB", 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_only_public_files_are_served() -> None:
    """What lies in static/ is for everybody: code, styles, font, pictures, and the licences of what is not ours."""
    assert {path.suffix for path in STATIC.rglob("*") if path.is_file()} <= {".js", ".css", ".woff2", ".svg", ".txt"}
    for library in ("uplot", "inter"):
        assert (STATIC / "vendor" / f"{library}.LICENSE.txt").stat().st_size > 500


def test_the_browser_needs_no_other_server() -> None:
    """No script, style, font or theme comes from elsewhere: a classroom without internet sees the same."""
    ours = [path for path in STATIC.rglob("*") if path.suffix in (".js", ".css", ".svg")]
    for path in [*ours, ROOT / ".streamlit" / "config.toml"]:
        addresses = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"}, path


def test_the_font_that_the_theme_names_is_there() -> None:
    """The file behind [[theme.fontFaces]] exists."""
    (face,) = CONFIG["theme"]["fontFaces"]

    assert (STATIC / face["url"].removeprefix("app/static/")).is_file()


def test_every_page_has_its_place() -> None:
    """Each file in pages/ is in the navigation, with a title, an icon and a sentence of its own."""
    files = {path.stem for path in (ROOT / "pages").glob("*.py")}
    functions = {name for name in files if hasattr(navigation, name)}

    assert functions == files
    assert len(files) == len(re.findall(r"PAGES / ", Path(navigation.__file__).read_text()))


def test_every_status_has_a_word() -> None:
    """No status would be shown as nothing, and no two read the same."""
    assert set(run_labels.STATUS) == set(RunStatus)
    assert len({one.word for one in run_labels.STATUS.values()}) == len(RunStatus)


def test_a_run_is_told_by_its_difference(app_config: AppConfig) -> None:
    """Without a parent its main settings; with one, what changed; with nothing changed, that."""
    store = Store(app_config)
    parent = store.create(TrainingConfig(dropout=0.5, epochs=1))
    child = store.create(TrainingConfig(dropout=0.2, epochs=12_00 // 100 + 1), parent_id=parent.id)

    assert run_labels.difference_line(parent, None) == "SimpleCNN · CIFAR-10 · 1 epoch · lr 0.001"
    assert run_labels.difference_line(child, parent) == "SimpleCNN · epochs 1 → 13 · dropout 0.5 → 0.2"
    assert run_labels.difference_line(parent, parent) == "SimpleCNN · the same settings"


@given(st.text(max_size=80))
def test_what_people_type_is_shown_letter_by_letter(text: str) -> None:
    """Every character that Markdown could read stands behind a backslash; taking those away gives the text back."""
    escaped = escape(text)

    assert not re.search(r"(?<!\\)[!-/:-@\[-`{-~](?<!\\)", re.sub(r"\\[!-/:-@\[-`{-~]", "", escaped))
    shown = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped)) if "&" not in text else None
    if shown is not None:
        assert shown.replace("\N{WORD JOINER}", "") == " ".join(text.split()).replace("\N{WORD JOINER}", "")


@pytest.mark.parametrize(
    "text", ["https://evil.example", "www.evil.example", "a@b.example", ":material/home:", "a -> b"]
)
def test_what_works_on_parsed_text_is_broken_up(text: str) -> None:
    """Links, icons and arrows made after parsing need neighbours that no longer touch."""
    bare = escape(text).replace("\\", "")

    assert text not in bare
    assert bare.replace("\N{WORD JOINER}", "") == text


def test_errors_of_ours_are_sentences_and_others_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor reads our sentence, or an apology; never the inside of a fault."""
    said: list[str] = []
    monkeypatch.setattr(errors.st, "error", lambda text, icon: said.append(text))

    assert errors.say(StoreError("The disk is full."))
    assert errors.say(ValueError("secret token 123"))

    assert said[0] == r"The disk is full\."
    assert "secret" not in said[1]
    assert "log" in said[1]


def test_colours_mean_the_same_everywhere() -> None:
    """Train blue, validation orange, test green, danger vermilion, each with a dash or mark of its own."""
    assert (TRAIN, VALIDATION, TEST, DANGER) == (
        "#0072B2",
        "#E69F00",
        "#009E73",
        "#D55E00",
    )
    assert len(set(style.DASH.values())) == len(set(style.SYMBOL.values())) == 3
    assert CONFIG["theme"]["light"]["blueColor"] == TRAIN
    assert CONFIG["theme"]["light"]["orangeColor"] == VALIDATION
    assert CONFIG["theme"]["light"]["greenColor"] == TEST


def test_a_run_that_is_measured_is_not_called_training(app_config: AppConfig) -> None:
    """A stopped run that is measured as it is now is at work, and takes no step; while it waits it is waiting."""
    run = insert_run(Store(app_config), RunStatus.STOPPED, epochs=1)
    measured = [replace(run, status=status, command=MEASURE) for status in (RunStatus.RUNNING, RunStatus.QUEUED)]

    assert [run_labels.look_of(each).word for each in measured] == ["measuring", "waiting"]
    assert run_labels.look_of(replace(run, status=RunStatus.RUNNING)).word == "training"
    assert standing(measured[0]) == "measuring"
