"""Settings that are worth a button: the tutorial's two networks, a cure, and a demo that fits a lesson."""

from dataclasses import dataclass

from cnnlab.schema import TrainingConfig


@dataclass(frozen=True)
class Preset:
    """A named set of settings. `config` may still leave dropout and batch_norm to the architecture."""

    name: str
    summary: str
    config: TrainingConfig


PRESETS: tuple[Preset, ...] = (
    Preset(
        "60-second demo",
        "A small network on part of the data: the whole story while you watch.",
        TrainingConfig(architecture="SimpleCNN", epochs=6, train_subset=20_000, validation_size=2_000),
    ),
    Preset(
        "SimpleCNN, tutorial",
        "Two convolutions, 62 006 parameters: quick, and too small to overfit much.",
        TrainingConfig(architecture="SimpleCNN", epochs=10, validation_size=0),
    ),
    Preset(
        "VGGishCNN, tutorial",
        "Seven convolutions, 35 million parameters: better, and it overfits. Best on a GPU.",
        TrainingConfig(architecture="VGGishCNN", epochs=10, validation_size=0),
    ),
    Preset(
        "VGGishCNN + batch norm + weight decay",
        "The same network with two cures for overfitting. Best on a GPU.",
        TrainingConfig(architecture="VGGishCNN", epochs=10, batch_norm=True, optimizer="adamw", weight_decay=0.01),
    ),
)
