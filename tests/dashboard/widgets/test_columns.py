"""A table's numbers stay numbers, and are written as everywhere else."""

from cnnlab.dashboard.widgets import columns
from cnnlab.formatting import count


def test_whole_numbers_are_written_as_everywhere_and_sorted_as_numbers() -> None:
    """A browser would write 247,897 or 247.897, as its language has it; where nothing is known a dash stands."""
    table = columns.frame([columns.counts("Pictures", [247_897, None, 5], "How many.")])

    assert list(table.data["Pictures"].sort_values()[:2]) == [5, 247_897]
    shown = table.to_html()
    assert [f">{words}</td>" in shown for words in (count(247_897), "–", "5")] == [True] * 3
