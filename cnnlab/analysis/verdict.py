"""This module says in one or two sentences whether a run learns and overfits, by how much, and since when."""

from collections.abc import Callable, Mapping

from cnnlab.analysis.diagnosis import FEWEST_EPOCHS, LARGE_GAP, Course, Diagnosis, Evidence, Sign, diagnose
from cnnlab.analysis.gap import Gap
from cnnlab.formatting import count, loss2, percent, points, points_range, when_measured

SMALLER = "Try a smaller learning rate."


def verdict(name: str, evidence: Evidence) -> str:
    """Return sentences, as plain text: what the run called `name` shows, and by which numbers."""
    found = diagnose(evidence)
    said = _SENTENCES[found.sign](name, found, evidence)
    if evidence.results and evidence.status.resumable:
        said += f" Measured before its end, {when_measured(evidence.results.final)}."
    return said


def gap_words(gap: Gap) -> str:
    """Write a gap with its two sets and its interval: "gap (train − validation) is 2.3 points (95 % interval …)"."""
    return f"gap ({gap.sets}) is {points(gap.value)} (95 % interval {points_range(*gap.interval)})"


def _diverged(name: str, found: Diagnosis, evidence: Evidence) -> str:
    return f"{name} diverged: its loss stopped being a number, so there is nothing to judge. {SMALLER}"


def _nothing_learnt(name: str, found: Diagnosis, evidence: Evidence) -> str:
    gap = _gap(found)
    so_far = " so far" if evidence.status.active else ""
    guessing = percent(1 / evidence.num_classes) if evidence.num_classes else "as much"
    why = "Most often the learning rate is too large or too small."
    if dead := evidence.dead_layer:
        layer, units, all_units = dead
        of_layer = f"{count(units)} of the {count(all_units)} units of {layer}"
        why = f"{of_layer} give zero for every picture of a sample (dead units). {SMALLER}"
    return (
        f"{name} has learnt almost nothing{so_far}: {percent(gap.train.accuracy)} right on {gap.train_set} and "
        f"{percent(gap.other.accuracy)} on {gap.other_set}, where guessing gives {guessing}. {why}"
    )


def _too_short(name: str, found: Diagnosis, evidence: Evidence) -> str:
    so_far = f" Its {gap_words(found.gap)}." if found.gap else ""
    return f"{name} is too short to judge: overfitting needs at least {FEWEST_EPOCHS} epochs to show.{so_far}"


def _no_validation(name: str, found: Diagnosis, evidence: Evidence) -> str:
    if evidence.status.active:
        return f"{name} has no validation set: whether it overfits shows on the test set, when it has finished."
    return f"{name} has no validation set, and its test accuracy is not measured: whether it overfits is not known."


def _cannot_tell(name: str, found: Diagnosis, evidence: Evidence) -> str:
    gap = _gap(found)
    pictures = f"{count(gap.other.n)} {gap.other_set} pictures"
    return f"{pictures} are too few to tell whether {name} overfits: its {gap_words(gap)}."


def _none(name: str, found: Diagnosis, evidence: Evidence) -> str:
    still = " It still improves: more epochs may help." if found.course and found.course.improves else ""
    return f"{name} shows no sign of overfitting: its {gap_words(_gap(found))}.{still}"


def _large_gap(name: str, found: Diagnosis, evidence: Evidence) -> str:
    since = "It is not known since which epoch."
    if found.course:
        always = found.course.gap_low.mean > LARGE_GAP
        since = (
            "It has been there all the time." if always else "So few pictures and epochs do not tell whether it grew."
        )
    return f"{name} knows its training pictures better than new ones: its {gap_words(_gap(found))}. {since}"


def _growing(name: str, found: Diagnosis, evidence: Evidence) -> str:
    return (
        f"{name} improves more on its training pictures than on new ones: its {gap_words(_gap(found))}, "
        f"{_growth(_course(found))}. Its validation loss has not risen: it does not overfit yet."
    )


def _overfits(name: str, found: Diagnosis, evidence: Evidence) -> str:
    course = _course(found)
    grown = f", {_growth(course)}" if course.grew else ""
    return (
        f"{name} overfits: its {gap_words(_gap(found))}{grown}. Its validation loss rose from "
        f"{loss2(course.loss_low.mean)} ({course.loss_low}) to {loss2(course.loss_end.mean)} ({course.loss_end})."
    )


def _unstable(name: str, found: Diagnosis, evidence: Evidence) -> str:
    return (
        f"{name} got worse on train and validation alike ({_course(found).loss_end}): the training is unstable, "
        f"which is not overfitting. {SMALLER}"
    )


_SENTENCES: Mapping[Sign, Callable[[str, Diagnosis, Evidence], str]] = {
    Sign.DIVERGED: _diverged,
    Sign.NOTHING_LEARNT: _nothing_learnt,
    Sign.TOO_SHORT: _too_short,
    Sign.NO_VALIDATION: _no_validation,
    Sign.CANNOT_TELL: _cannot_tell,
    Sign.NONE: _none,
    Sign.LARGE_GAP: _large_gap,
    Sign.GROWING: _growing,
    Sign.OVERFITS: _overfits,
    Sign.UNSTABLE: _unstable,
}


def _growth(course: Course) -> str:
    """Write by how much the gap grew: by means over epochs of the sampled gap, which is another number than the gap."""
    return f"{points(course.growth)} more than in {course.gap_low} (by means over epochs of train sample − validation)"


def _gap(found: Diagnosis) -> Gap:
    assert found.gap is not None, "this sign is judged by the gap"
    return found.gap


def _course(found: Diagnosis) -> Course:
    assert found.course is not None, "this sign is judged by the course"
    return found.course
