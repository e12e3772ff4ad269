"""Grids, random draws, and reading both from a command line."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cnnlab.formatting import count
from cnnlab.models import complete
from cnnlab.schema import SETTINGS, Setting, TrainingConfig
from cnnlab.sweeps import (
    MOST_RUNS,
    NAME_LENGTH,
    Axis,
    Range,
    SweepError,
    completed,
    grid,
    grid_words,
    is_grid,
    names,
    parse_axes,
    parse_axis,
    random_search,
    varied,
)

BASE = TrainingConfig(dataset="shapes", validation_size=500)
ROOMS = {"lr": (1e-6, 1.0), "dropout": (0.0, 0.9), "weight_decay": (1e-6, 0.5), "batch_size": (2, 500)}


def refused(text: str) -> str:
    """What is said of an axis that cannot be read."""
    with pytest.raises(SweepError) as error:
        parse_axis(text)
    return str(error.value)


def value_of(setting: Setting) -> some.SearchStrategy[Any]:
    """Any value within the setting's range."""
    if setting.kind is bool:
        return some.booleans()
    if setting.kind is str:
        return some.sampled_from(setting.choices) if setting.choices else some.sampled_from(["A", "B-9", "ResNet"])
    assert setting.low is not None
    assert setting.high is not None
    if setting.kind is int:
        return some.integers(int(setting.low), int(setting.high))
    return some.floats(setting.low, setting.high)


@given(some.data(), some.sampled_from(list(SETTINGS.values())))
def test_values_are_read_as_what_the_setting_is(data: some.DataObject, setting: Setting) -> None:
    """Any values of any setting, written down as Python writes them, come back the same and are allowed."""
    values = data.draw(some.lists(value_of(setting), min_size=1, max_size=5, unique=True))

    axis = parse_axis(f"{setting.name} = {', '.join(map(str, values))}")

    assert axis == Axis(setting.name, tuple(values))
    assert all(type(value) is setting.kind for value in axis.values)
    configs = grid(TrainingConfig(), [axis])
    assert [getattr(config, setting.name) for config in configs] == values


@given(some.text(max_size=30))
def test_whatever_is_typed_is_read_or_said(text: str) -> None:
    """Never another exception; always a sentence."""
    try:
        parse_axis(text)
    except SweepError as error:
        assert str(error).endswith(".")


@given(some.sampled_from([name for name, s in SETTINGS.items() if s.kind in (int, float)]), some.text(max_size=8))
def test_whatever_stands_for_a_number_is_read_or_said(name: str, text: str) -> None:
    """Also where the setting is right."""
    try:
        grid(TrainingConfig(), [parse_axis(f"{name}={text}")])
    except SweepError as error:
        assert all(sentence.endswith(".") for sentence in error.sentences)


def test_a_range_has_two_ends() -> None:
    """As numbers of the setting's kind."""
    assert parse_axis("lr=1e-4..1e-1") == Range("lr", 1e-4, 1e-1)
    assert parse_axis("batch-size=8..64") == Range("batch_size", 8, 64)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr", "“lr” does not say what to vary. Write it like lr=0.1,0.01 or lr=1e-4..1e-1."),
        ("lr=", "does not say what to vary"),
        ("rate=1", "rate is not a setting. The settings are: architecture, epochs, lr"),
        ("lr=fast", "Learning rate (lr) must be 1e-07 to 10, not 'fast'."),
        ("lr=nan", "Learning rate (lr) must be 1e-07 to 10, not 'nan'."),
        ("epochs=1.5", "Epochs (epochs) must be 1 to 1 000, not '1.5'."),
        ("optimizer=adam,lion", "Optimizer (optimizer) must be adam, "),
        ("batch_norm=perhaps", "Batch normalisation (batch_norm) must be true or false, not 'perhaps'."),
        ("lr=,", "Learning rate (lr) needs at least one value."),
        ("optimizer=adam..sgd", "Optimizer (optimizer) has no range: write its values, like optimizer=a,b."),
        ("lr=0.1..", "Learning rate (lr) must be 1e-07 to 10, not ''."),
    ],
)
def test_what_cannot_be_read_is_said(text: str, sentence: str) -> None:
    """The setting, what it may be, and what was given."""
    assert sentence in refused(text)


def test_all_that_cannot_be_read_is_said_at_once() -> None:
    """Nobody likes to be corrected one by one."""
    with pytest.raises(SweepError) as error:
        parse_axes(["lr=x", "seed=0", "dropout=y"])
    assert len(error.value.sentences) == 2


def test_words_for_what_is_left_to_the_architecture() -> None:
    """And for all pictures; where a setting must have a value they are no value."""
    assert parse_axis("dropout=default,0.5") == Axis("dropout", (None, 0.5))
    assert parse_axis("train_subset=100,all") == Axis("train_subset", (100, None))
    assert parse_axis("batch_norm=on,off,default") == Axis("batch_norm", (True, False, None))
    assert "Seed (seed) must be" in refused("seed=default")


@given(
    some.lists(some.floats(1e-7, 10), min_size=1, max_size=7, unique=True),
    some.lists(some.sampled_from(["adam", "sgd", "adamw"]), min_size=1, max_size=3, unique=True),
    some.lists(some.integers(0, 99), min_size=1, max_size=2, unique=True),
)
def test_a_grid_is_every_combination_once(lrs: list[float], optimizers: list[str], seeds: list[int]) -> None:
    """The last setting varies fastest; all else is as in the base."""
    configs = grid(BASE, [Axis("lr", tuple(lrs)), Axis("optimizer", tuple(optimizers)), Axis("seed", tuple(seeds))])

    assert [(c.lr, c.optimizer, c.seed) for c in configs] == [
        (lr, optimizer, seed) for lr in lrs for optimizer in optimizers for seed in seeds
    ]
    assert {c.model_copy(update={"lr": 1, "optimizer": "sgd", "seed": 0}) for c in configs} == {
        BASE.model_copy(update={"lr": 1, "optimizer": "sgd", "seed": 0})
    }
    assert is_grid(configs, varied(configs))


def test_the_same_value_twice_is_one_run() -> None:
    """0.1 and 1e-1 are the same."""
    assert len(grid(BASE, [parse_axis("lr=0.1,1e-1,0.10")])) == 1


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "Choose at least one setting to vary."),
        (["lr=0.1", "lr=0.2"], "Learning rate (lr) is given twice"),
        (["lr=0.1..1"], "lr=0.1..1 is a range, which only a random search draws from"),
        (["lr=0.1,20"], "Learning rate (lr) must be 1e-07 to 10, not 20.0."),
        (
            ["seed=" + ",".join(map(str, range(31))), "lr=0.1,0.2"],
            f"31 × 2 = 62 runs; a sweep has at most {MOST_RUNS}.",
        ),
    ],
)
def test_a_grid_that_cannot_be_is_said(texts: list[str], sentence: str) -> None:
    """Before anything is made."""
    with pytest.raises(SweepError, match=r"\.$") as error:
        grid(BASE, parse_axes(texts))
    assert sentence in str(error.value)


def test_a_huge_grid_is_refused_without_being_made() -> None:
    """10^12 combinations would fill the memory first."""
    axes = [Axis(name, tuple(range(2, 1_002))) for name in ("epochs", "batch_size", "seed", "train_subset")]

    with pytest.raises(SweepError, match=f"{count(10**12)} runs"):
        grid(BASE, axes)


@given(some.sampled_from(list(ROOMS)), some.data(), some.integers(1, 20), some.integers(0, 10**9))
def test_draws_are_within_their_range_different_and_repeatable(
    name: str, data: some.DataObject, n: int, seed: int
) -> None:
    """Any range of any kind of number; a longer search begins with the same draws."""
    setting, (lowest, highest) = SETTINGS[name], ROOMS[name]
    numbers = some.integers(int(lowest), int(highest)) if setting.kind is int else some.floats(lowest, highest)
    low = data.draw(numbers)
    high = data.draw(numbers.filter(lambda value: value > low + (50 if setting.kind is int else 0.05 * highest)))
    axes = [Range(name, low, high), Axis("optimizer", ("adam", "sgd"))]

    configs = random_search(BASE, axes, n, seed)

    drawn = [getattr(config, name) for config in configs]
    assert all(low <= value <= high and type(value) is setting.kind for value in drawn)
    assert len(set(configs)) == n
    assert random_search(BASE, axes, n, seed) == configs
    assert random_search(BASE, axes, n + 3, seed)[:n] == configs


def test_what_multiplies_is_drawn_over_its_decades() -> None:
    """Log-uniform learning rates: a third in each of three decades; dropout evenly."""
    axes = [Range("lr", 1e-4, 1e-1), Range("dropout", 0.0, 0.9)]
    configs = [config for seed in range(20) for config in random_search(BASE, axes, 60, seed)]

    decades = [math.floor(math.log10(config.lr)) for config in configs]
    thirds = [int((config.dropout or 0.0) / 0.3) for config in configs]
    assert all(abs(decades.count(decade) - 400) < 60 for decade in (-4, -3, -2))
    assert all(abs(thirds.count(third) - 400) < 60 for third in (0, 1, 2))


@pytest.mark.parametrize(
    ("text", "n", "sentence"),
    [
        ("lr=0.1..0.01", 3, "needs a range that begins below its end, not 0.1..0.01."),
        ("train_subset=all..5000", 3, "needs a range that begins below its end"),
        ("lr=0.1..20", 3, "Learning rate (lr) must be 1e-07 to 10, not 20.0."),
        ("weight_decay=0..0.1", 3, "is drawn on a log scale: its range must begin above 0."),
        ("seed=1..3", 4, "Only 3 different runs could be drawn, not 4"),
        ("lr=0.1..1", 0, f"A random search has 1 to {MOST_RUNS} runs, not 0."),
        ("lr=0.1..1", MOST_RUNS + 1, f"A random search has 1 to {MOST_RUNS} runs, not {MOST_RUNS + 1}."),
    ],
)
def test_a_search_that_cannot_be_is_said(text: str, n: int, sentence: str) -> None:
    """What to change."""
    with pytest.raises(SweepError) as error:
        random_search(BASE, [parse_axis(text)], n, 0)
    assert sentence in str(error.value)


def test_every_run_is_checked_before_one_is_made() -> None:
    """What fits alone but not together, each fault once."""
    configs = grid(BASE, parse_axes(["batch_size=8000,64", "train_subset=100,59900", "seed=0,1"]))

    with pytest.raises(SweepError) as error:
        completed(configs, complete)

    assert len(error.value.sentences) == len(set(error.value.sentences)) > 1
    assert any("together must be at most" in sentence for sentence in error.value.sentences)


def test_completed_runs_are_what_the_architecture_makes_of_them() -> None:
    """Each architecture's own dropout; and that is no setting that was varied."""
    configs = completed(grid(BASE, [parse_axis("architecture=SimpleCNN,VGGishCNN,ResNet")]), complete)

    assert all(config == complete(config) for config in configs)
    assert [setting.name for setting in varied(configs)] == ["architecture"]
    both = completed(grid(BASE, parse_axes(["architecture=SimpleCNN,ResNet", "dropout=0,0.5"])), complete)
    assert {"architecture", "dropout"} <= {setting.name for setting in varied(both)}


def test_names_say_what_varies_and_fit_the_store() -> None:
    """Short words; never longer than the store allows."""
    configs = grid(BASE, parse_axes(["lr=0.1,0.01", "batch_norm=on,off"]))
    assert names(configs)[0] == "lr 0.1 · batch norm on"
    axes = [Range(name, *ROOMS[name]) for name in ROOMS] + [parse_axis("label_smoothing=0.12,0.13")]
    long = names(random_search(BASE, axes, 10, 0))
    assert all(0 < len(name) <= NAME_LENGTH for name in long)


def test_the_count_is_said_in_words() -> None:
    """As one would say it."""
    axes = [parse_axis(text) for text in ("lr=1,2,3", "dropout=0,0.5", "epochs=1,2", "seed=7")]
    said = grid_words([axis for axis in axes if isinstance(axis, Axis)])
    assert said == "3 values of learning rate × 2 values of dropout × 2 values of epochs × 1 value of seed"


def test_draws_are_no_grid() -> None:
    """A map would be mostly holes."""
    configs = random_search(BASE, parse_axes(["lr=1e-4..1e-1", "dropout=0..0.5"]), 9, 0)
    assert not is_grid(configs, varied(configs))
