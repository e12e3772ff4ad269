"""What a sweep allows to say, whichever screen says it: of which runs, and when."""

from collections.abc import Iterable
from typing import Any

from cnnlab.analysis.outcomes import Outcome, outcome
from cnnlab.analysis.significance.conclusion import Conclusion, conclude
from cnnlab.records import Results
from cnnlab.schema import TrainingConfig
from tests.factories import epoch_record


def nobody() -> Iterable[tuple[TrainingConfig, Results | None]]:
    """No run has finished elsewhere."""
    return []


def run_of(accuracy: float, *, epochs: int = 4, **settings: Any) -> Outcome:
    """What a run of four epochs reached by validation that ended after so many of them."""
    records = [epoch_record(epoch, validation=accuracy - 0.001 * (epoch > 1)) for epoch in range(1, epochs + 1)]
    found = outcome(TrainingConfig(epochs=4, **settings), 1, records, None, "validation")
    assert found
    return found


def concluded(*runs: Outcome, over: bool = True) -> Conclusion:
    """The conclusion from these runs, which are the sweep."""
    found = conclude(runs, [run.config for run in runs], "validation", nobody, over=over)
    assert found
    return found


WHOLE = [run_of(0.6 + 0.001 * seed, lr=lr, seed=seed) for lr in (0.1, 0.2) for seed in range(4)]
EARLY = [run_of(0.3 + 0.001 * seed, epochs=1, lr=0.2, seed=10 + seed) for seed in range(4)]


def test_runs_that_ended_early_do_not_make_a_setting_matter() -> None:
    """Four runs of one learning rate were stopped after an epoch of four: the other is no better for that."""
    found = concluded(*WHOLE, *EARLY)
    assert found.verdict == concluded(*WHOLE).verdict
    assert found.headline[0] == "Too close to call"
    assert list(found.outcomes) == WHOLE
    assert "Left out: 4 runs that ended before the last epoch." in found.sentences
    taken = [run_of(0.3 + 0.001 * seed, lr=0.2, seed=10 + seed) for seed in range(4)]
    assert concluded(*WHOLE[:4], *taken).headline[0] == "Best: learning rate 0.1"


def test_a_run_counts_once_all_its_epochs_are_there() -> None:
    """Whatever became of the process afterwards; one epoch less, and it does not."""
    assert run_of(0.6, epochs=4).complete
    assert not run_of(0.6, epochs=3).complete
    assert "Left out: 1 run that ended before the last epoch." in concluded(*WHOLE, EARLY[0]).sentences
    assert not concluded(*WHOLE).left_out


def test_while_runs_train_each_counts_as_far_as_it_is() -> None:
    """Nothing is tested, and nothing is left out yet."""
    found = concluded(*WHOLE[:4], *EARLY, over=False)
    assert found.verdict is None
    assert not found.left_out
    assert found.headline[0] == "Highest so far: learning rate 0.1"
    assert len(found.outcomes) == 8


def test_a_sweep_of_which_nothing_was_trained_to_its_end_is_not_judged() -> None:
    """It says so, once."""
    found = concluded(*EARLY)
    assert found.verdict is None
    assert found.sentences == [
        "Not judged: no run of this sweep has trained all its epochs.",
        "Left out: 4 runs that ended before the last epoch.",
    ]
    assert conclude([], [TrainingConfig()], "validation", nobody, over=True) is None


def test_a_setting_of_which_one_value_is_left_is_none_to_judge() -> None:
    """All runs with the other value ended early: what is left differs by its seed alone."""
    found = concluded(*WHOLE[:4], *EARLY)
    assert found.settings == ()
    assert found.headline[0] == "Nothing but the seed varies"
