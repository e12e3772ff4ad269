"""Numbers as people read them, and the interval of an accuracy."""

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.intervals import interval95
from cnnlab.app_config import PROJECT
from cnnlab.formatting import (
    count,
    decimals,
    duration,
    loss2,
    loss4,
    moment,
    percent,
    percent_range,
    points,
    points_range,
    tenths,
)

NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.12346, "−0.1235"), (-0.0000013, "0.0000"), (-0.0, "0.0000"), (0.00005, "0.0001"), (-0.00005, "−0.0001")],
)
def test_decimals(value: float, text: str) -> None:
    """What rounds to zero has no sign: CIFAR-10's red has the mean 0.4914 − 0.0000003, of which 0.4914 is taken off."""
    assert decimals(value, 4) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.6335, "63.4 %"), (0.0, "0.0 %"), (1.0, "100.0 %"), (-0.00001, "0.0 %"), (float("nan"), "not a number %")],
)
def test_percent(share: float, text: str) -> None:
    """One decimal, half up on the digits a person sees: 6335 right of 10,000 is 63.4 %."""
    assert percent(share) == text.replace(" %", f"{NARROW}%")


def test_every_accuracy_of_ten_thousand_pictures_is_one_number() -> None:
    """For all 10,001: sentences, ranges, points and the cells of tables say the same, half up (501 did not)."""
    for right in range(10_001):
        share = right / 10_000
        said = str((Decimal(right) / 100).quantize(Decimal("0.1"), ROUND_HALF_UP))
        assert percent(share) == f"{said}{NARROW}%"
        assert f"{tenths(share):.1f}" == said
        assert points(share).split()[0] == said
        assert percent_range(share, share).split()[0] == points_range(share, share).split()[0] == said


def test_a_difference_is_rounded_as_the_two_shares_are() -> None:
    """1,650 of 4,000 less 365 of 1,000 is 4.75 points exactly, of which floats make 4.749…: it is 4.8 points."""
    assert points(1_650 / 4_000 - 365 / 1_000).split()[0] == "4.8"
    for right in range(1_001):
        exact = abs(Fraction(1_650, 4_000) - Fraction(right, 1_000))
        said = floor(1_000 * exact + Fraction(1, 2)) / 10
        assert points(abs(1_650 / 4_000 - right / 1_000)).split()[0] == f"{said:.1f}"


def test_a_loss_of_any_size_can_be_written() -> None:
    """A training that almost diverged has losses with thirty digits, which no sentence should hold."""
    assert [loss2(loss) for loss in (1.466, 999.995, 7e14, 3e38)] == ["1.47", "1000.00", "7.000·10¹⁴", "3.000·10³⁸"]
    assert (percent(1.7e308)[:3], loss2(float("inf"))) == ("170", "infinite")


@pytest.mark.parametrize("share", [-0.0, -0.0004, -1e-17])
def test_zero_has_no_sign(share: float) -> None:
    """Neither as a word nor as a number, whose sign a table would show."""
    assert percent(share) == f"0.0{NARROW}%"
    assert points(share).startswith("0.0")
    assert str(tenths(share)) == "0.0"
    assert loss2(share) == "0.00"


ROUNDED = re.compile(
    r"""100(?:\.0)?\s*\*[^\n]*:[,+]?\.\d+f      # f"{100 * share:.1f}"
    |:[,+]?\.[1-9]%\}                         # f"{share:.1%}"
    |round\(\s*100(?:\.0)?\s*\*[^,\n]*,\s*\d   # round(100 * share, 1)
    |Math\.round\(\s*1000\s*\*[^\n]*/\s*10\b   # Math.round(1000 * share) / 10
    |(?:accuracy|gap|share)\w*(?:\)|\]|\.value)*:[,+]?\.\d+f   # f"{accuracy:.3f}"
    |tickformat\s*=\s*["'][^"']*%           # Plotly's own rounding, but for ticks: style.PERCENT_TICKS
    |%\{[^}]*:[^}]*%\}                       # f"%{y:.1%}" in a hovertemplate
    |(?:percent|accuracy|gap)\w*\)?\.toFixed\(  # in JavaScript: data.js has `tenths`
    """,
    re.VERBOSE | re.IGNORECASE,
)


def test_nothing_else_rounds_an_accuracy() -> None:
    """A number rounded in two ways is two numbers: everything goes through `formatting`, in the browser through `tenths`."""
    found = []
    for path in [
        *PROJECT.glob("cnnlab/**/*.py"),
        *PROJECT.glob("cnnlab/**/static/**/*.js"),
        *PROJECT.glob("pages/*.py"),
    ]:
        if "vendor" in path.parts or path.match("live_chart/data.js"):  # the home of `tenths`
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if ROUNDED.search(line.split("  #")[0]):
                found.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        'f"{100 * low:.1f} – {percent(high)}"',
        'f"{score.accuracy:.3f}"',
        'f"{share:.1%}"',
        "round(100 * share, 1)",
        'figure.update_yaxes(tickformat=".0%")',
        'hovertemplate="%{y:.1%}"',
        "`${(100 * accuracy).toFixed(1)}`",
        "Math.round(1000 * share) / 10",
    ],
)
def test_another_rounding_would_be_found(line: str) -> None:
    """Each of the ways in which it has been done, or lies near."""
    assert ROUNDED.search(line)


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_percent_is_within_half_a_tenth(right: int, n: int) -> None:
    """What is shown differs from what was measured by rounding alone."""
    share = min(right, n) / n

    assert abs(float(percent(share)[:-2]) - 100 * share) <= 0.05 + 1e-9


@given(st.integers(-100_000, 100_000), st.integers(1, 100_000))
def test_tables_round_as_sentences_do(right: int, n: int) -> None:
    """The number of a table's cell is the number that stands in the text."""
    share = max(-n, min(right, n)) / n

    assert f"{abs(tenths(share)):.1f}" == percent(abs(share))[:-2]


def test_points_loss_and_count() -> None:
    """A minus is a minus, thousands stand apart, a loss has four decimals."""
    assert points(-0.0234) == "−2.3\N{NO-BREAK SPACE}points"
    assert loss4(1.63725) == "1.6373"
    assert count(35_339_082) == f"35{NARROW}339{NARROW}082"
    assert count(-1) == "−1"


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.0, "0.0000"), (2.302585, "2.3026"), (0.001, "0.0010"), (999.9, "999.9000"), (1000.0, "1.000·10³"),
        (7e14, "7.000·10¹⁴"), (9.9999e5, "1.000·10⁶"), (1e30, "1.000·10³⁰"), (3.21e-5, "3.210·10⁻⁵"),
        (-2e-9, "−2.000·10⁻⁹"), (float("nan"), "not a number"), (float("inf"), "infinite"),
    ],
)  # fmt: skip
def test_losses_of_any_size(loss: float, text: str) -> None:
    """Four decimals, and a power of ten where they would say nothing or too much."""
    assert loss4(loss) == text


def test_a_moment_names_its_zone() -> None:
    """The same moment in two places, and in this machine's own without one."""
    when = datetime(2026, 11, 5, 13, 5, tzinfo=UTC)

    assert moment(when, ZoneInfo("Europe/Berlin")) == "5 Nov 2026, 14:05 CET"
    assert moment(when, UTC) == "5 Nov 2026, 13:05 UTC"
    assert moment(when) == moment(when, when.astimezone().tzinfo)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.0321, "32 ms"),
        (0.094, "94 ms"),
        (0.0999, "0.1 s"),
        (4.25, "4.3 s"),
        (59.7, "1 min 0 s"),
        (80, "1 min 20 s"),
        (3725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration(seconds).replace(NARROW, " ") == text


def test_wilson_against_a_published_value() -> None:
    """81 of 263: 0.2553 to 0.3662 (R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3)."""
    low, high = interval95(81 / 263, 263)

    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_an_interval_holds_its_accuracy(right: int, n: int) -> None:
    """It lies between 0 and 1, contains what was measured, and is narrower with four times the pictures."""
    accuracy = min(right, n) / n
    low, high = interval95(accuracy, n)

    assert 0 <= low <= accuracy <= high <= 1
    assert low < high
    closer = interval95(accuracy, 4 * n)
    assert closer[1] - closer[0] < high - low


def test_nothing_measured_says_nothing() -> None:
    """No picture, no knowledge."""
    assert interval95(0.5, 0) == (0.0, 1.0)
