"""This module proposes changes of one setting, with the same seed, that may help a run that overfits or diverged.

Against overfitting: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15
(2014), 1929-1958; augmentation as in A. Krizhevsky et al., "ImageNet classification with deep convolutional neural
networks", NIPS 2012, section 4.1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnlab.analysis.diagnosis import Sign
from cnnlab.schema import SETTINGS, TrainingConfig


@dataclass(frozen=True)
class Cure:
    """A `Cure` is a change of settings that may help a run that went wrong."""

    label: str
    """Text of the button that offers the cure; no code depends on the text."""
    change: Mapping[str, Any]
    """New values of the changed settings, by the setting's name."""

    def applied(self, config: TrainingConfig) -> TrainingConfig:
        """Return the settings `config` with the change of this cure."""
        return config.model_copy(update=dict(self.change))


def _dropout(config: TrainingConfig) -> Cure | None:
    return None if config.dropout else Cure("dropout 0.5", {"dropout": 0.5})


def _augmentation(config: TrainingConfig) -> Cure | None:
    return Cure("flip + crop", {"augmentation": "flip_crop"}) if config.augmentation == "none" else None


def _more_pictures(config: TrainingConfig) -> Cure | None:
    return None if config.train_subset is None else Cure("all training pictures", {"train_subset": None})


def _smaller_steps(config: TrainingConfig) -> Cure | None:
    """Return the cure of a tenth of the learning rate; None below the setting's range."""
    lr = float(f"{config.lr / 10:.6g}")
    return Cure(f"learning rate {lr:g}", {"lr": lr}) if lr >= (SETTINGS["lr"].low or 0.0) else None


AGAINST_OVERFITTING = (_dropout, _augmentation, _more_pictures)

CURES: Mapping[Sign, tuple[Callable[[TrainingConfig], Cure | None], ...]] = {
    Sign.OVERFITS: AGAINST_OVERFITTING,
    Sign.LARGE_GAP: AGAINST_OVERFITTING,
    Sign.UNSTABLE: (_smaller_steps,),
    Sign.DIVERGED: (_smaller_steps,),
}
"""Functions that propose a cure for each sign; a function returns None where the settings have its cure already."""


def cures_for(config: TrainingConfig, sign: Sign) -> list[Cure]:
    """Return the cures that a run with the settings `config` lacks and that may help where its curves show `sign`."""
    return [cure for suggest in CURES.get(sign, ()) if (cure := suggest(config))]
