"""What may help a run that overfits or diverged: one change at a time, everything else as it was, the seed too.

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
    """One change of the settings that may help."""

    label: str
    """For a button; nothing is decided by it."""
    change: Mapping[str, Any]
    """Settings by name, with their new values."""

    def applied(self, config: TrainingConfig) -> TrainingConfig:
        """The same settings with this change."""
        return config.model_copy(update=dict(self.change))


def _dropout(config: TrainingConfig) -> Cure | None:
    return None if config.dropout else Cure("dropout 0.5", {"dropout": 0.5})


def _augmentation(config: TrainingConfig) -> Cure | None:
    return Cure("flip + crop", {"augmentation": "flip_crop"}) if config.augmentation == "none" else None


def _more_pictures(config: TrainingConfig) -> Cure | None:
    return None if config.train_subset is None else Cure("all training pictures", {"train_subset": None})


CURES: Mapping[Sign, tuple[Callable[[TrainingConfig], Cure | None], ...]] = {
    Sign.OVERFITS: (_dropout, _augmentation, _more_pictures),
}
"""What to try against each sign; each gives None where the settings have it already."""


def cures_for(config: TrainingConfig, sign: Sign) -> list[Cure]:
    """The changes that may help a run of these settings whose curves show `sign`, and that it has not made yet."""
    return [cure for suggest in CURES.get(sign, ()) if (cure := suggest(config))]


def smaller_steps(config: TrainingConfig) -> list[Cure]:
    """A tenth of the learning rate, for a run that diverged; nothing where no smaller one is allowed."""
    lr = float(f"{config.lr / 10:.6g}")
    return [Cure(f"learning rate {lr:g}", {"lr": lr})] if lr >= (SETTINGS["lr"].low or 0.0) else []
