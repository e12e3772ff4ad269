"""What may help a run that overfits: one change at a time, everything else as it was, the seed too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.train import start
from cnnlab.runs import Run
from cnnlab.schema import SETTINGS, TrainingConfig


@dataclass(frozen=True)
class Cure:
    """One change, where it makes sense."""

    label: str
    change: dict[str, Any]
    fits: Callable[[TrainingConfig], bool]


CURES = (
    Cure("dropout 0.5", {"dropout": 0.5}, lambda config: not config.dropout),
    Cure("flip + crop", {"augmentation": "flip_crop"}, lambda config: config.augmentation == "none"),
    Cure("all training pictures", {"train_subset": None}, lambda config: config.train_subset is not None),
)


def cures_for(config: TrainingConfig) -> list[Cure]:
    """The changes that this config has not made yet."""
    return [cure for cure in CURES if cure.fits(config)]


def offer(run: Run) -> None:
    """A button a cure: it trains the same run with that one change, and shows it."""
    _offer(run, cures_for(run.config), "Train it again with one change, same seed, and compare:")


def offer_smaller_steps(run: Run) -> None:
    """The same for a run that diverged: a tenth of its learning rate."""
    lr = float(f"{run.config.lr / 10:.6g}")
    tame = Cure(f"learning rate {lr:g}", {"lr": lr}, lambda _: True)
    _offer(run, [tame] if lr >= (SETTINGS["lr"].low or 0) else [], "Train it again with smaller steps:")


def _offer(run: Run, cures: Sequence[Cure], sentence: str) -> None:
    if not cures:
        return
    st.markdown(f"**What helps?** {sentence}")
    with st.container(horizontal=True):
        for cure in cures:
            st.button(
                cure.label,
                key=f"cure_{'_'.join(cure.change)}",
                icon=":material/experiment:",
                on_click=_try,
                args=(run, cure),
            )
    start.problem()


def _try(run: Run, cure: Cure) -> None:
    run_id = start.begin(run.config.model_copy(update=cure.change), parent_id=run.id)
    if run_id:
        query_params.set_url(run=run_id)
