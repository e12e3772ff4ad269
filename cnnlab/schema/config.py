"""What a run is asked to do: every setting with its range, unit, default and help.

The form, the command line and the validation are all made from these fields; nothing repeats them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

OptimizerName = Literal["adam", "adamw", "sgd", "nesterov", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "one_cycle"]
AugmentationName = Literal["none", "flip", "flip_crop", "flip_crop_cutout", "alternating"]
NormalisationName = Literal["half", "dataset"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
ModeName = Literal["exact", "fast"]
PrecisionName = Literal["float32", "bfloat16"]
ViewsName = Literal["none", "mirror", "mirror_shift"]


def _setting(group: str, label: str, help: str, *, unit: str = "", log: bool = False) -> FieldInfo:
    """What people read of a setting; pydantic keeps it beside the range."""
    extra: dict[str, Any] = {"group": group, "label": label, "unit": unit, "log": log}
    return Field(description=help, json_schema_extra=extra)  # type: ignore[no-any-return]


class TrainingConfig(BaseModel):
    """All settings of one run. Frozen; an unknown, missing or out-of-range value raises ValidationError."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    architecture: Annotated[
        str,
        Field(min_length=1, max_length=60),
        _setting("main", "Architecture", "The kind of network: how its layers follow each other."),
    ] = "SimpleCNN"
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        _setting("main", "Epochs", "How many times the network sees every training picture."),
    ] = 10
    lr: Annotated[
        float,
        Field(ge=1e-7, le=10.0),
        _setting(
            "main",
            "Learning rate",
            "How far each step moves the weights: too small learns slowly, too large never settles.",
            log=True,
        ),
    ] = 0.001
    dropout: Annotated[
        Annotated[float, Field(ge=0.0, le=0.95)] | None,
        _setting(
            "main",
            "Dropout",
            "Share of the classifier head's activations set to zero at each training step, against overfitting. "
            "Left out: as the architecture has it.",
        ),
    ] = None
    dataset: Annotated[
        str,
        Field(min_length=1, max_length=60),
        _setting("data", "Dataset", "The pictures the network learns from."),
    ] = "CIFAR-10"
    validation_size: Annotated[
        int,
        Field(ge=0, le=30_000),
        _setting(
            "data",
            "Validation pictures",
            "Taken out of the training set to choose by, so that the test set stays unseen. "
            "0 trains on everything, as the tutorial does.",
            unit="pictures",
        ),
    ] = 5_000
    train_subset: Annotated[
        Annotated[int, Field(ge=10, le=60_000)] | None,
        _setting(
            "data",
            "Training pictures",
            "Train on so many pictures only, chosen by the seed: faster, and easier to overfit. Left out: all.",
            unit="pictures",
        ),
    ] = None
    normalisation: Annotated[
        NormalisationName,
        _setting(
            "data",
            "Normalisation",
            "half: (value - 0.5) / 0.5, as in the tutorial. dataset: each channel's own mean and deviation.",
        ),
    ] = "half"
    augmentation: Annotated[
        AugmentationName,
        _setting(
            "data",
            "Augmentation",
            "Changes each training picture a little each time: mirrored (flip), or mirrored and shifted by up to "
            "4 pixels (flip_crop), with a square covered as well (flip_crop_cutout). alternating: mirrored in every "
            "other epoch, and shifted by up to 2 pixels.",
        ),
    ] = "none"
    batch_norm: Annotated[
        bool | None,
        _setting(
            "network",
            "Batch normalisation",
            "Normalises each channel over the batch after every convolution. Left out: as the architecture has it.",
        ),
    ] = None
    optimizer: Annotated[
        OptimizerName,
        _setting(
            "optimizer", "Optimizer", "The rule that turns gradients into steps. sgd, nesterov and muon use momentum."
        ),
    ] = "adam"
    momentum: Annotated[
        float,
        Field(ge=0.0, le=0.999),
        _setting(
            "optimizer",
            "Momentum",
            "How much of the last step sgd, nesterov and muon keep; the Adam family ignores it.",
        ),
    ] = 0.9
    weight_decay: Annotated[
        float,
        Field(ge=0.0, le=1.0),
        _setting(
            "optimizer",
            "Weight decay",
            "Pulls every weight towards zero a little at each step, against overfitting.",
            log=True,
        ),
    ] = 0.0
    batch_size: Annotated[
        int,
        Field(ge=2, le=8192),
        _setting("optimizer", "Batch size", "Pictures averaged into one step.", unit="pictures"),
    ] = 64
    schedule: Annotated[
        ScheduleName,
        _setting(
            "optimizer",
            "Learning-rate schedule",
            "constant; linear: falls straight to zero; cosine: falls smoothly to zero; "
            "one_cycle: rises for the first 30 % of steps, then falls.",
        ),
    ] = "constant"
    label_smoothing: Annotated[
        float,
        Field(ge=0.0, le=0.5),
        _setting(
            "optimizer",
            "Label smoothing",
            "Asks for slightly less than certainty: shares this much among all classes.",
        ),
    ] = 0.0
    seed: Annotated[
        int,
        Field(ge=0, le=2**31 - 1),
        _setting("machine", "Seed", "Start of every random choice: the same seed repeats the same run."),
    ] = 0
    device: Annotated[
        DeviceName,
        _setting("machine", "Device", "Where to compute. auto: the GPU where there is one."),
    ] = "auto"
    mode: Annotated[
        ModeName,
        _setting(
            "machine",
            "Arithmetic",
            "exact: bit for bit the plain tutorial loop on the CPU. fast: the same mathematics with freer rounding.",
        ),
    ] = "fast"
    precision: Annotated[
        PrecisionName,
        _setting(
            "machine",
            "Precision",
            "bfloat16 multiplies with 8 instead of 24 significant bits: quicker, and a little rougher. Used only where "
            "the hardware has it; the run says what it used.",
        ),
    ] = "float32"
    test_time_augmentation: Annotated[
        ViewsName,
        _setting(
            "data",
            "Test-time augmentation",
            "At the end, also measures the test set on several views of each picture: mirrored, or mirrored and "
            "shifted by a pixel. Always shown beside the plain accuracy, under its own name.",
        ),
    ] = "none"

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python counts True as 1; a person who sends it meant something else."""
        if isinstance(value, bool) and info.field_name != "batch_norm":
            raise ValueError("a number or text, not true or false")
        return value


GROUPS = {
    "main": "The four choices",
    "data": "Data",
    "network": "Network",
    "optimizer": "Optimizer",
    "machine": "Machine",
}
