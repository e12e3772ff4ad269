"""This module defines the settings of a run, each with its range, unit, default and help, and what it affects.

The form, the command line, the validation, the sweeps and the caches are all made from these fields; nothing repeats them.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cnnlab.schema.field import setting

OptimizerName = Literal["adam", "adamw", "sgd", "nesterov", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "one_cycle"]
AugmentationName = Literal["none", "flip", "flip_crop", "flip_crop_cutout", "alternating"]
NormalisationName = Literal["half", "dataset"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
ModeName = Literal["exact", "fast"]
PrecisionName = Literal["float32", "bfloat16"]
ViewsName = Literal["none", "mirror", "mirror_shift"]

VIEWS: dict[ViewsName, int] = {"none": 1, "mirror": 2, "mirror_shift": 6}
"""Number of views of a picture that each kind of test-time augmentation averages."""


class TrainingConfig(BaseModel):
    """A `TrainingConfig` holds all settings of one run.

    Frozen; an unknown, missing or out-of-range value raises ValidationError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    architecture: Annotated[
        str,
        Field(min_length=1, max_length=60),
        setting(
            "main",
            "Architecture",
            "The kind of network: which layers it has, and in which order.",
            affects={"shape"},
            registry="architecture",
            known_of_weights=True,
        ),
    ] = "SimpleCNN"
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        setting("main", "Epochs", "How many times the network sees every training picture.", affects={"course"}),
    ] = 10
    lr: Annotated[
        float,
        Field(ge=1e-7, le=10.0),
        setting(
            "main",
            "Learning rate",
            "How far each step moves the weights. Too small: it learns slowly. Too large: it never settles.",
            short="lr",
            log=True,
            affects={"course"},
            side_by_side=True,
        ),
    ] = 0.001
    dropout: Annotated[
        Annotated[float, Field(ge=0.0, le=0.95)] | None,
        setting(
            "main",
            "Dropout",
            "At each training step this share of the values in the classifier head is set to zero, against overfitting. "
            "Until you choose one, it is the architecture's own value.",
            affects={"shape"},
            tries=(0.0, 0.25, 0.5),
            follows_architecture=True,
        ),
    ] = None
    dataset: Annotated[
        str,
        Field(min_length=1, max_length=60),
        setting(
            "data",
            "Dataset",
            "The pictures that the network learns from.",
            affects={"data", "shape"},
            tries="itself",
            registry="dataset",
            known_of_weights=True,
        ),
    ] = "CIFAR-10"
    validation_size: Annotated[
        int,
        Field(ge=0, le=30_000),
        setting(
            "data",
            "Validation pictures",
            "So many training pictures are put aside and never trained on. They show which settings are better, so that "
            "the test set stays unseen until the end. They are drawn at random, not class by class: of few pictures, some "
            "classes get more than others. 0: train on all of them, as the tutorial does.",
            unit="pictures",
            affects={"data"},
            tries=(1_000, 5_000, 10_000),
        ),
    ] = 5_000
    train_subset: Annotated[
        Annotated[int, Field(ge=10, le=60_000)] | None,
        setting(
            "data",
            "Training pictures",
            "Train on only so many pictures. Fewer train faster, and overfit sooner. Without a number: on all of them.",
            unit="pictures",
            affects={"data"},
            tries=(1_000, 5_000, 20_000),
        ),
    ] = None
    normalisation: Annotated[
        NormalisationName,
        setting(
            "data",
            "Normalisation",
            "How the values of a picture are scaled before the network sees them. half: (value - 0.5) / 0.5, as in the "
            "tutorial. dataset: minus the mean of each colour channel, divided by its standard deviation.",
            affects={"contents"},
            known_of_weights=True,
        ),
    ] = "half"
    augmentation: Annotated[
        AugmentationName,
        setting(
            "data",
            "Augmentation",
            "Changes each training picture a little every time it is shown. flip: mirrored or not, at random. flip_crop: "
            "also shifted by up to 4 pixels. flip_crop_cutout: also with a square covered. alternating: mirrored in "
            "every other epoch, and shifted by up to 2 pixels.",
            affects={"speed", "step"},
            words={"flip_crop": "flip + crop", "flip_crop_cutout": "flip + crop + cutout"},
        ),
    ] = "none"
    batch_norm: Annotated[
        bool | None,
        setting(
            "network",
            "Batch normalisation",
            "After each convolution, brings every channel to mean 0 and spread 1 over the batch. Until you choose, it is "
            "as the architecture has it.",
            short="batch norm",
            affects={"shape"},
            follows_architecture=True,
            known_of_weights=True,
        ),
    ] = None
    optimizer: Annotated[
        OptimizerName,
        setting(
            "optimizer",
            "Optimizer",
            "The rule that turns gradients into steps. sgd, nesterov and muon use momentum.",
            affects={"speed", "step"},
            side_by_side=True,
        ),
    ] = "adam"
    momentum: Annotated[
        float,
        Field(ge=0.0, le=0.999),
        setting(
            "optimizer",
            "Momentum",
            "How much of the last step is added to the next one. sgd, nesterov and muon use it; adam and adamw do not.",
            affects={"speed", "step"},
            tries=(0.0, 0.9, 0.99),
            side_by_side=True,
        ),
    ] = 0.9
    weight_decay: Annotated[
        float,
        Field(ge=0.0, le=1.0),
        setting(
            "optimizer",
            "Weight decay",
            "Pulls weights towards zero a little at each step, against overfitting. Under muon it cannot move the kernels "
            "of convolutions, whose length is fixed, only all other weights.",
            log=True,
            affects={"speed", "step"},
            tries=(0.0, 0.001, 0.01),
            side_by_side=True,
        ),
    ] = 0.0
    batch_size: Annotated[
        int,
        Field(ge=2, le=8192),
        setting(
            "optimizer",
            "Batch size",
            "How many pictures the network looks at for one step.",
            unit="pictures",
            affects={"speed", "step"},
        ),
    ] = 64
    schedule: Annotated[
        ScheduleName,
        setting(
            "optimizer",
            "Learning-rate schedule",
            "How the learning rate changes during the training. constant: not at all. linear: it falls to zero in a straight "
            "line. cosine: it falls to zero in a smooth curve. one_cycle: it rises for the first 30 % of the steps, "
            "then falls.",
            short="schedule",
            affects={"course"},
            words={"one_cycle": "one-cycle"},
            side_by_side=True,
        ),
    ] = "constant"
    label_smoothing: Annotated[
        float,
        Field(ge=0.0, le=0.5),
        setting(
            "optimizer",
            "Label smoothing",
            "Asks the network to be a little less than certain: this share of the certainty is spread over all classes.",
            affects={"step"},
            tries=(0.0, 0.05, 0.1),
        ),
    ] = 0.0
    seed: Annotated[
        int,
        Field(ge=0, le=2**31 - 1),
        setting(
            "machine",
            "Seed",
            "Start of every random choice. With the same settings on the same machine the same seed repeats the same run: "
            "bit for bit on a CPU, and on a GPU with exact arithmetic; in fast arithmetic a GPU rounds a little "
            "differently each time.",
            affects={"contents", "step"},
            tries="next",
            side_by_side=True,
        ),
    ] = 0
    device: Annotated[
        DeviceName,
        setting(
            "machine",
            "Device",
            "Which part of the machine computes. auto: the graphics processor (GPU) where there is one, else the CPU.",
            affects={"speed", "step"},
            tries="itself",
        ),
    ] = "auto"
    mode: Annotated[
        ModeName,
        setting(
            "machine",
            "Arithmetic",
            "exact: on the CPU, every bit as in the plain tutorial loop. fast: quicker; the same mathematics, rounded a little "
            "differently.",
            affects={"speed", "step"},
            tries="itself",
        ),
    ] = "fast"
    precision: Annotated[
        PrecisionName,
        setting(
            "machine",
            "Precision",
            "How exactly numbers are multiplied. bfloat16 keeps 8 bits instead of 24: quicker, and a little rougher. It is "
            "used only where the hardware has it; the run says what it used.",
            affects={"speed", "step"},
            tries="itself",
        ),
    ] = "float32"
    test_time_augmentation: Annotated[
        ViewsName,
        setting(
            "data",
            "Test-time augmentation",
            "At the end, measures the test set a second time, with several versions of each picture: mirrored, or mirrored "
            "and shifted by a pixel. The answers are averaged; versions that are not shifted count twice as much. That "
            "accuracy stands beside the plain one, under its own name.",
            words={"mirror_shift": "mirror + shift"},
            affects={"measure"},
            side_by_side=True,
        ),
    ] = "none"

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true or false where a number is wanted: Python would take True for 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise ValueError("a number or text, not true or false")
        return value


GROUPS = {
    "main": "The four choices",
    "data": "Data",
    "network": "Network",
    "optimizer": "Optimizer",
    "machine": "Machine",
}
