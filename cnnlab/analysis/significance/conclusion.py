"""This module concludes what the runs of a sweep show, for the page and the command line alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cnnlab.analysis.outcomes import Judge, Outcome, known_accuracy
from cnnlab.analysis.significance import sentences
from cnnlab.analysis.significance.effects import Verdict, to_choose, verdict
from cnnlab.analysis.significance.seed_spread import SeedSpread, spread_among
from cnnlab.analysis.significance.sentences import Sentence
from cnnlab.records import Results
from cnnlab.schema import Setting, TrainingConfig
from cnnlab.sweeps import is_grid, varied

Finished = Callable[[], Iterable[tuple[TrainingConfig, Results | None]]]
"""Function that returns the settings and the results of all finished runs, of the sweep and others."""


@dataclass(frozen=True)
class Conclusion:
    """A `Conclusion` is what the runs of a sweep allow to say."""

    judged_by: Judge
    outcomes: tuple[Outcome, ...]
    """The runs that it is about: once the sweep is over, those that trained all their epochs."""
    settings: tuple[Setting, ...]
    """The settings that are judged."""
    headline: Sentence
    left_out: str
    """Sentence about the runs that ended before their last epoch; empty where there are none, or some still train."""
    verdict: Verdict | None
    """None while runs train, and where nothing but the seed varies."""

    @property
    def sentences(self) -> list[str]:
        """Return all that there is to say, a sentence each, as plain text."""
        said = [sentences.plain(self.headline), self.left_out]
        if self.verdict:
            said += map(sentences.plain, sentences.effects(self.verdict, self.judged_by))
            said.append(sentences.yardstick(self.verdict.spread))
        return [sentence for sentence in said if sentence]


def conclude(
    measured: Sequence[Outcome],
    configs: Sequence[TrainingConfig],
    judged_by: Judge,
    finished: Finished,
    *,
    over: bool,
) -> Conclusion | None:
    """Conclude from the outcomes `measured` of a sweep of the settings `configs`; None where nothing was measured.

    `over`: no run of it trains any more. A run that ended before its last epoch shows what it had learnt so far, and not
    what its settings do: it is left out then.
    """
    if not measured:
        return None
    whole = [each for each in measured if each.complete or not over]
    left_out = sentences.left_out(len(measured) - len(whole))
    if not whole:
        return Conclusion(judged_by, (), (), sentences.NOT_JUDGED, left_out, None)
    settings = to_choose(varied([each.config for each in whole]))

    def elsewhere() -> SeedSpread:
        known = ((config, known_accuracy(results, judged_by)) for config, results in finished())
        return spread_among(configs, [(config, reached) for config, reached in known if reached is not None])

    found = verdict(whole, settings, is_grid(configs, varied(configs)), elsewhere) if over else None
    headline = sentences.headline(whole, settings, judged_by, found, over)
    return Conclusion(judged_by, tuple(whole), tuple(settings), headline, left_out, found)
