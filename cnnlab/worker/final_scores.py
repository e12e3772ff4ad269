"""This module measures a run on the whole of each set: the network as it stands, and the one of the best epoch.

What each says of the test pictures is written into the run's folder, before the row that holds the scores.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from cnnlab import checkpoints
from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.analysis.significance import answers
from cnnlab.checkpoints import CheckpointError
from cnnlab.data.tensors import to_network
from cnnlab.inspection.dead_units import dead_units
from cnnlab.records import EpochRecord, FullScores, Results, Usage
from cnnlab.runs import Store
from cnnlab.runs.run import Run
from cnnlab.training import Fit, full_scores
from cnnlab.training.autotune.memory import peak_bytes

LOOKED_AT = 100
"""Pictures by which a unit shows whether it is dead: their feature maps are in memory all at once."""


def measure(store: Store, run: Run, training: Fit, remarks: list[str]) -> Results:
    """Measure the run where it stands. What could not be measured is told in `remarks`.

    It has ended, or was stopped within an epoch; every epoch that it has completed is committed. Afterwards the network
    of `training` is another one.
    """
    place, best_epoch = training.place, store.get(run.id).best_epoch
    step = place.step if place.step_in_epoch else None
    final = _scores(place.epoch, step, store, run, training, remarks)
    dead = _dead_units(training)
    here = best_epoch == place.epoch and not place.step_in_epoch
    if best_epoch is None or here or not training.data.validation:
        best: FullScores | None = final
    else:
        best = _scores_of(best_epoch, store, run, training, remarks)
    return Results(final=final, best=best, usage=_usage(store.epochs(run.id), training), dead_units=dead)


def _dead_units(training: Fit) -> dict[str, tuple[int, int]]:
    data = training.data
    return dead_units(training.model, to_network(data.train_sample.images[:LOOKED_AT], data.mean, data.std))


def _usage(epochs: Sequence[EpochRecord], training: Fit) -> Usage | None:
    ends = [0.0, *(record.elapsed_s for record in epochs)]
    if not epochs:
        return None
    epoch_s = median(end - begin for begin, end in pairwise(ends))
    return Usage(epoch_s=epoch_s, memory_bytes=peak_bytes(training.device))


def _scores_of(epoch: int, store: Store, run: Run, training: Fit, remarks: list[str]) -> FullScores | None:
    """Return the scores of the saved weights of an epoch; None, with a remark, where they cannot be read."""
    found = {file.epoch: file for file in store.weights(run.id)}.get(epoch)
    try:
        if found is None:
            raise CheckpointError(f"The weights of epoch {epoch} were not kept.")
        tensors, _ = checkpoints.read(store.path(found), found)
    except CheckpointError as error:
        remarks.append(f"{error} So epoch {epoch}, the best, has no scores on the whole of each set.")
        return None
    training.model.load_state_dict(tensors)
    return _scores(epoch, None, store, run, training, remarks)


def _scores(epoch: int, step: int | None, store: Store, run: Run, training: Fit, remarks: list[str]) -> FullScores:
    """Return the scores of the network as it is, and keep what it answers to each test picture."""
    config, plan = training.config, training.plan
    views, tell = config.test_time_augmentation, training.tell
    scores, said, of_test = full_scores(training.model, training.data, epoch, plan.precision, views, tell)
    for score in filter(None, (scores.train, scores.validation, scores.test)):
        training.check(score.loss)
    scores = scores.model_copy(update={"step": step})
    try:
        answers.write(store.folder(run.id), scores, said)
        _keep(store, run, scores, of_test)
    except OSError as error:
        remark = f"Its answers to the test pictures could not be kept: {error.strerror}."
        remarks += [] if remark in remarks else [remark]  # of two networks it is said once
    return scores


def _keep(store: Store, run: Run, scores: FullScores, said: Predictions) -> None:
    """Keep what the network of these scores says of the test pictures beside its weights, where it has such a file."""
    weights = next((file for file in store.weights(run.id) if file.epoch == scores.epoch), None)
    if weights and scores.step is None:
        kept.write(store.path(weights), weights.sha256, "test", said)
