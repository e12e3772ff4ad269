"""This module names the settings that are worth a button: the tutorial's two networks, a cure, a speed record and a
demo.
"""

from dataclasses import dataclass

from cnnlab.schema import TrainingConfig


@dataclass(frozen=True)
class Preset:
    """A `Preset` is a named set of settings. `config` may still leave dropout and batch_norm to the architecture."""

    name: str
    """What it is called, typed and found by: no two have the same."""
    summary: str
    config: TrainingConfig


PRESETS: tuple[Preset, ...] = (
    Preset(
        "60-second demo",
        "A small network on part of the data: it learns while you watch.",
        TrainingConfig(architecture="SimpleCNN", epochs=6, train_subset=20_000, validation_size=2_000),
    ),
    Preset(
        "SimpleCNN, tutorial",
        "Two convolutions, 62 006 parameters: quick, and too small to overfit much.",
        TrainingConfig(architecture="SimpleCNN", epochs=10, validation_size=0),
    ),
    Preset(
        "SimpleCNN, quick",
        "The tutorial's network in eight times fewer, larger steps. The learning rate starts low and rises first (Goyal et "
        "al. 2017), and bfloat16 is used where the hardware has it. Measured on 2 CPU cores that have it: about a fifth of "
        "the tutorial loop's time, 65.2 % test accuracy (mean of 10 runs).",
        TrainingConfig(
            architecture="SimpleCNN",
            epochs=10,
            lr=0.01,
            validation_size=0,
            batch_size=512,
            schedule="one_cycle",
            precision="bfloat16",
        ),
    ),
    Preset(
        "VGGishCNN, tutorial",
        "Seven convolutions, 35 million parameters: better, and it overfits. Best on a GPU.",
        TrainingConfig(architecture="VGGishCNN", epochs=10, validation_size=0),
    ),
    Preset(
        "VGGishCNN, cured",
        "The tutorial's VGGishCNN with what helps against overfitting: batch norm, weight decay, augmentation, a schedule. "
        "Measured once: 90.3 % test accuracy, 2.8 points below train (the tutorial: 74.7 %, 11.3 points below), in about "
        "28 minutes on 2 CPU cores with bfloat16.",
        TrainingConfig(
            architecture="VGGishCNN",
            epochs=16,
            lr=0.06,
            validation_size=0,
            normalisation="dataset",
            augmentation="flip_crop_cutout",
            batch_norm=True,
            optimizer="nesterov",
            momentum=0.9,
            weight_decay=0.005,
            batch_size=256,
            schedule="one_cycle",
            precision="bfloat16",
        ),
    ),
    Preset(
        "speedrun",
        "Follows the CIFAR-10 speed records; trains on all 50 000 pictures. Measured once: 94.15 % test accuracy with "
        "test-time augmentation, 93.41 % without, in 16 minutes on 2 CPU cores with bfloat16.",
        TrainingConfig(
            architecture="SpeedNet",
            epochs=10,
            lr=0.24,
            validation_size=0,
            normalisation="dataset",
            augmentation="alternating",
            optimizer="muon",
            momentum=0.6,
            weight_decay=0.11,
            batch_size=2000,
            schedule="linear",
            label_smoothing=0.2,
            precision="bfloat16",
            test_time_augmentation="mirror_shift",
        ),
    ),
)


def named(name: str) -> Preset | None:
    """Return the preset of that name, in whatever case it was typed; None where there is none."""
    wanted = name.strip().casefold()
    return next((preset for preset in PRESETS if preset.name.casefold() == wanted), None)
