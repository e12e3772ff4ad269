"""The part of the Train page that asks for many runs at once."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.models import complete
from cnnlab.runs import Store, StoreError
from cnnlab.schema import SETTINGS, TrainingConfig
from tests.page_driver import OpenPage, click, fill, open_page_at, words


def vary(app: AppTest, **values: list[str]) -> AppTest:
    """Choose these settings, and these values of each."""
    fill(app, sweep_settings=list(values))
    for name, texts in values.items():
        app.multiselect(key=f"sweep_values_{name}").set_value(texts)
    return app.run()


def oldest_first(store: Store) -> list[TrainingConfig]:
    """The settings of all runs."""
    return [run.config for run in reversed(store.list())]


def test_the_first_sight_can_be_sent(open_page: OpenPage, store: Store) -> None:
    """Three learning rates around that of the form; one click makes them, and leads to them."""
    app = open_page("train")
    assert "3 runs: 3 values of learning rate" in words(app).replace("*", "")
    click(app, "sweep_train")
    assert oldest_first(store) == [complete(TrainingConfig(lr=lr)) for lr in (0.0001, 0.001, 0.01)]
    assert [run.name for run in store.list()] == ["lr 0.01", "lr 0.001", "lr 0.0001"]
    assert app.query_params["sweep"] == store.list()[0].sweep_id
    assert "Sweep 1 · 3 runs: :gray[●] 3 waiting" in words(app).replace("*", "")


def test_a_grid_has_the_form_in_common(open_page: OpenPage, store: Store) -> None:
    """What is varied is as chosen, with a value somebody typed; all else as it stands in the form."""
    app = open_page("train")
    app.number_input(key="form_epochs").set_value(3)
    app.text_input(key="sweep_name").set_value(" Mine ")
    vary(app, lr=["0.002", "0.02"], optimizer=["sgd"], batch_norm=["on", "off"])
    assert "4 runs: 2 values of learning rate × 1 value of optimizer × 2 values of batch normalisation" in words(
        app
    ).replace("*", "")
    click(app, "sweep_train")
    assert [(c.lr, c.optimizer, c.batch_norm, c.epochs) for c in oldest_first(store)] == [
        (lr, "sgd", norm, 3) for lr in (0.002, 0.02) for norm in (True, False)
    ]
    assert {run.sweep for run in store.list()} == {"Mine"}


def test_architectures_bring_their_own_values(open_page: OpenPage, store: Store) -> None:
    """Dropout follows each architecture, as it does in the form."""
    app = vary(open_page("train"), architecture=["SimpleCNN", "VGGishCNN"])
    click(app, "sweep_train")
    assert oldest_first(store) == [complete(TrainingConfig(architecture=name)) for name in ("SimpleCNN", "VGGishCNN")]


def test_random_draws_lie_in_their_ranges(open_page: OpenPage, store: Store) -> None:
    """As many as asked for; a comma is a decimal point."""
    app = open_page("train")
    fill(app, sweep_how="random")
    fill(app, sweep_settings=["lr", "dropout"])
    app.text_input(key="sweep_low_lr").set_value("0,01")
    app.text_input(key="sweep_high_lr").set_value("0,02")
    fill(app, sweep_n=4)
    assert "4 runs: learning rate × dropout, drawn at random" in words(app).replace("*", "")
    click(app, "sweep_train")
    configs = oldest_first(store)
    assert len(configs) == 4
    assert all(0.01 <= config.lr <= 0.02 for config in configs)
    assert all(0 <= (config.dropout or 0) <= 0.5 for config in configs)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"lr": ["0.1", "fast"]}, "Learning rate (lr) must be 1e-07 to 10, not 'fast'."),
        ({"lr": ["0.1", "20"]}, "Learning rate (lr) must be 1e-07 to 10, not 20.0."),
        ({"lr": []}, "Learning rate (lr) needs at least one value."),
        ({}, "Choose at least one setting to vary."),
        ({"seed": [str(seed) for seed in range(61)]}, "a sweep has at most 60"),
        ({"train_subset": ["100", "60000"]}, "together must be at most"),
    ],
)
def test_what_cannot_be_trained_is_said(
    open_page: OpenPage, store: Store, values: dict[str, list[str]], sentence: str
) -> None:
    """And nothing is made; the form beside it works as ever."""
    app = vary(open_page("train"), **values)
    assert sentence in words(app)
    assert app.button(key="sweep_train").disabled
    assert not app.button(key="train").disabled
    assert not app.exception
    assert store.list() == []


def test_a_faulty_form_is_no_base(open_page: OpenPage, store: Store) -> None:
    """But what is varied may stand in the form as it likes."""
    app = open_page("train")
    fill(app, form_lr="nonsense")
    assert not app.button(key="sweep_train").disabled
    fill(app, form_epochs=0)
    assert app.button(key="sweep_train").disabled
    assert "Epochs (epochs) must be 1 to 1 000, not 0." in words(app)


def test_every_setting_can_be_varied_as_suggested(open_page: OpenPage, store: Store) -> None:
    """In a grid and in a random search, whatever stands in the form."""
    app = open_page("train")
    for how in ("grid", "random"):
        fill(app, sweep_how=how)
        app.number_input(key="sweep_n").set_value(1) if how == "random" else None
        for name in SETTINGS:
            fill(app, sweep_settings=[name])
            assert not app.button(key="sweep_train").disabled, (how, name, words(app))


def test_without_validation_pictures_a_warning(open_page: OpenPage, store: Store) -> None:
    """The test set is not for choosing."""
    app = open_page("train")
    assert "compared on the test set" not in words(app)
    fill(app, form_validation_size=0)
    assert "compared on the test set" in words(app)


def test_the_time_is_said_where_it_is_known(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """5,000 pictures a second, as a run on this machine had: 5,000 of them, twice, for three runs; and what is not training:
    3 s of start-up, and measuring 10,000 pictures after each epoch and 13,000 once or twice at the end, a third of a step each.
    """
    insert_run(epochs=2)
    app = open_page("train")
    assert "not known yet" in words(app)
    app.selectbox(key="form_dataset").set_value("shapes")
    app.number_input(key="form_train_subset").set_value(5_000)
    fill(app, form_epochs=2)
    fill(app, form_validation_size=5_000)
    assert "about 23 s until the last of 3 results" in words(app).replace("\u202f", " ")
    click(app, "sweep_train")
    assert [run.announced_s for run in store.list()][:3] == pytest.approx([22.9, 15.3, 7.6], abs=0.1)


def test_a_name_that_is_taken_is_said(open_page: OpenPage, store: Store) -> None:
    """The new runs join the old ones, which may be just what is wanted."""
    store.create_many([complete(TrainingConfig(lr=lr)) for lr in (0.1, 0.2)], "Mine")
    app = open_page("train")
    fill(app, sweep_name="Mine")
    assert "“Mine” already has 2 runs: the new ones are added to it." in words(app)


def test_a_double_click_is_one_sweep(open_page: OpenPage, store: Store) -> None:
    """As with Train."""
    app = open_page("train")
    for _ in range(2):
        click(app, "sweep_train")
        open_page_at("train", app)
    assert len(store.list()) == 3


def test_a_store_that_refuses_is_said(open_page: OpenPage, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is too long, a full disk: the sentence, and no traceback."""

    def refuse(*_: object) -> None:
        raise StoreError("The disk is full.")

    app = open_page("train")
    monkeypatch.setattr(Store, "create_many", refuse)
    click(app, "sweep_train")
    assert "The disk is full." in words(app)
    assert not app.exception
