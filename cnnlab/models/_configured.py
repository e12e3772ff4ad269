"""This module completes settings from the architecture, refuses what cannot be trained, and builds the network."""

from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.formatting import count
from cnnlab.models._network import ARCHITECTURES, Network
from cnnlab.registry import UnknownNameError
from cnnlab.schema import FOLLOWING, SETTINGS, Fault, TrainingConfig


class ConfigError(ValueError):
    """`ConfigError` says why settings, each within its range, cannot be trained together."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.sentences = [fault.sentence for fault in faults]
        super().__init__(" ".join(self.sentences))


def complete(config: TrainingConfig) -> TrainingConfig:
    """Return the same settings, with those that were left to the architecture filled in from it.

    Raises ConfigError where the architecture or the dataset is unknown, or where the validation pictures, the
    training pictures and the batch do not fit into the dataset's training set.
    """
    faults = []
    try:
        ARCHITECTURES.get(config.architecture)
    except UnknownNameError as error:
        faults.append(Fault(f"{SETTINGS['architecture'].label} (architecture): {error}", ("architecture",)))
    try:
        info = DATASETS.get(config.dataset).info
    except UnknownNameError as error:
        faults.append(Fault(f"{SETTINGS['dataset'].label} (dataset): {error}", ("dataset",)))
    else:
        faults += _misfits(config, info)
    if faults:
        raise ConfigError(faults)
    return _filled(config)


def plain(config: TrainingConfig) -> TrainingConfig:
    """Return the settings of the same architecture that nobody has changed, but for the seed: a run's name leaves them out.

    Raises ConfigError as `complete` does.
    """
    return complete(TrainingConfig(architecture=config.architecture, seed=config.seed))


def build(config: TrainingConfig, info: DatasetInfo) -> Network:
    """Build a network for the dataset `info`, with fresh weights from torch's global random state, in training mode."""
    config = _filled(config)
    assert config.dropout is not None
    assert config.batch_norm is not None
    return ARCHITECTURES.get(config.architecture).build(
        in_channels=info.channels,
        size_px=info.size_px,
        num_classes=len(info.classes),
        dropout=config.dropout,
        batch_norm=config.batch_norm,
    )


def _filled(config: TrainingConfig) -> TrainingConfig:
    architecture = ARCHITECTURES.get(config.architecture)
    left = [name for name in FOLLOWING if getattr(config, name) is None]
    return config.model_copy(update={name: architecture.own(name) for name in left})


def _misfits(config: TrainingConfig, info: DatasetInfo) -> list[Fault]:
    """Return what does not fit into the training set, in a list; an empty list where all fits."""
    validation, subset, batch = (
        f"{SETTINGS[name].label} ({name})" for name in ("validation_size", "train_subset", "batch_size")
    )
    most, where = info.num_train, f"for {info.name}"
    left = most - config.validation_size
    if config.batch_size > most:
        sentence = f"{batch} must be at most {count(most)} {where}, not {count(config.batch_size)}."
        return [Fault(sentence, ("batch_size",))]
    if config.train_subset is not None and config.train_subset > left:
        asked = config.validation_size + config.train_subset
        both = f"{validation} and {subset[0].lower()}{subset[1:]}"
        sentence = f"{both} together must be at most {count(most)} {where}, not {count(asked)}."
        return [Fault(sentence, ("validation_size", "train_subset"))]
    if config.batch_size > left:
        sentence = (
            f"{validation} must be 0 to {count(most - config.batch_size)} {where}, so that one batch of "
            f"{count(config.batch_size)} is left to train on, not {count(config.validation_size)}."
        )
        return [Fault(sentence, ("validation_size",))]
    if config.train_subset is not None and config.batch_size > config.train_subset:
        trained = f"the {count(config.train_subset)} training pictures (train_subset)"
        return [Fault(f"{batch} must be at most {trained}, not {count(config.batch_size)}.", ("batch_size",))]
    return []
