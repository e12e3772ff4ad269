"""A table's numbers stay numbers, and each is written in one way, whatever the language of the browser."""

from cnnlab.dashboard.widgets import columns


def test_whole_numbers_are_sorted_as_numbers_and_written_in_one_way() -> None:
    """Without a format a browser would write 247.897 where its language has it so."""
    column = columns.counts("Pictures", [247_897, None, 5], "How many.")

    assert columns.frame([column])["Pictures"].to_pylist() == [247_897, None, 5]
    assert column.config["type_config"]["format"] == "%d"


def test_cells_that_are_kept_are_drawn_as_they_are() -> None:
    table = [columns.counts("Pictures", [5, None], "How many."), columns.Column("Words", [["a"], ["b"]])]

    kept = columns.kept(table)

    assert columns.frame(kept).equals(columns.frame(table))
    assert [column.config for column in kept] == [column.config for column in table]
