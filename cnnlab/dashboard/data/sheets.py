"""This module draws the box for the number of a sheet, where there is more than one screen holds."""

from cnnlab.dashboard.inspect.selection import complain, set_widget, take
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.state import query_params as url
from cnnlab.formatting import count

_SHEET = "data_sheet"


def choose_sheet(screen: Screen, things: int, at_a_time: int) -> slice:
    """Draw the box among the view's choosers and return which of so many `things` stand on the sheet of the address."""
    last, asked = max(1, -(-things // at_a_time)), url.number("sheet")
    chosen = asked if asked and asked <= last else 1
    if url.asked("sheet") and chosen != asked and url.from_outside("sheet"):
        complain(f"There are the sheets 1 to {last}, not “{url.asked('sheet')}”. Here is the first.")
    set_widget(_SHEET, chosen)
    screen.controls.number_input(
        f"Sheet, 1 to {count(last)}",
        min_value=1,
        max_value=max(2, last),
        key=_SHEET,
        on_change=take,
        args=("sheet", _SHEET),
        width=150,
        disabled=last < 2,
    )
    screen.address["sheet"] = chosen if chosen > 1 else None
    return slice((chosen - 1) * at_a_time, chosen * at_a_time)


def from_the_first(name: str, key: str) -> None:
    """Put a choice into the address, and go back to the first sheet and pair. A callback of widgets."""
    take(name, key)
    url.keep(sheet=None, pair=None)
