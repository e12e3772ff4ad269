"""This module measures a finished run on the whole of each set, with its last network and with its best one."""

from itertools import pairwise
from statistics import median

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.records import FullScores, Results, Usage
from cnnlab.runs import Store
from cnnlab.runs.run import Run
from cnnlab.training import Fit, full_scores
from cnnlab.training.autotune.memory import peak_bytes


def measure(store: Store, run: Run, training: Fit, remarks: list[str]) -> Results:
    """Measure the run once every epoch is committed. What could not be measured is told in `remarks`."""
    last = training.place.epoch
    best_epoch = store.get(run.id).best_epoch or last
    final = _scores(last, training)
    best = final if best_epoch == last else _scores_of(best_epoch, store, run, training, remarks)
    ends = [0.0, *(record.elapsed_s for record in store.epochs(run.id))]
    epoch_s = median(end - begin for begin, end in pairwise(ends))
    return Results(final=final, best=best, usage=Usage(epoch_s=epoch_s, memory_bytes=peak_bytes(training.device)))


def _scores_of(epoch: int, store: Store, run: Run, training: Fit, remarks: list[str]) -> FullScores | None:
    """Return the scores of the saved weights of an epoch; None, with a remark, where they cannot be read."""
    found = {file.epoch: file for file in store.weights(run.id)}.get(epoch)
    try:
        if found is None:
            raise CheckpointError(f"The weights of epoch {epoch} were not kept.")
        tensors, _ = checkpoints.read(store.path(found), found.sha256)
    except CheckpointError as error:
        remarks.append(f"{error} So epoch {epoch}, the best, has no scores on the whole of each set.")
        return None
    training.model.load_state_dict(tensors)
    return _scores(epoch, training)


def _scores(epoch: int, training: Fit) -> FullScores:
    config, plan = training.config, training.plan
    views, tell = config.test_time_augmentation, training.tell
    scores = full_scores(training.model, training.data, epoch, plan.precision, views, tell)
    for score in filter(None, (scores.train, scores.validation, scores.test)):
        training.check(score.loss)
    return scores
