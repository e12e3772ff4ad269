"""This module writes what a run shows, a mark before the sentences, for every page that judges a run."""

from collections.abc import Sequence

from cnnlab.analysis.diagnosis import Sign, diagnose, evidence_of
from cnnlab.analysis.verdict import verdict
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.records import EpochRecord
from cnnlab.runs import Run

MARKS = {
    Sign.DIVERGED: ":red[:material/error:]",
    Sign.NOTHING_LEARNT: ":red[:material/block:]",
    Sign.OVERFITS: ":red[:material/trending_up:]",
    Sign.UNSTABLE: ":red[:material/ssid_chart:]",
    Sign.LARGE_GAP: ":orange[:material/expand:]",
    Sign.GROWING: ":orange[:material/visibility:]",
    Sign.CANNOT_TELL: ":gray[:material/help:]",
    Sign.NONE: ":green[:material/check_circle:]",
}


def line(name: str, run: Run, epochs: Sequence[EpochRecord]) -> str:
    """Write the mark and the sentences about the run, called `name`. Markdown."""
    if run.imported:
        return escape(f"{name} comes from a file: nothing about it was measured here.")
    facts = evidence_of(run.status, run.config.dataset, epochs, run.results)
    mark = MARKS.get(diagnose(facts).sign)
    return " ".join(filter(None, [mark, escape(verdict(name, facts))]))
