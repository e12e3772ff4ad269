"""This module draws the choosers below the bar: view, layer, channel, set of pictures and class."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.dashboard.data.picture_sets import SetName
from cnnlab.dashboard.inspect.selection import Selection, complain, set_widget, take
from cnnlab.dashboard.inspect.view import Options, Screen, View
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.data import SAMPLE_WITHOUT_VALIDATION, DatasetInfo
from cnnlab.formatting import count
from cnnlab.inspection.layer_choice import LayerChoice
from cnnlab.inspection.summary import LayerRow
from cnnlab.runs import Run

_MANY = 48
"""Number of tiles above which a grid is large, and scrolls."""
_SET, _CLASS = "looking_set", "looking_class"


def choose_view(page: str, views: Sequence[View[Any]]) -> View[Any]:
    """Draw a page's views, if there are several, as buttons, and return the view of the address, else the first."""
    asked = url.asked("view")
    view = next((view for view in views if view.name == asked), views[0])
    if asked and asked != view.name and url.from_outside("view"):
        complain(f"This page has no view “{asked}”. Here is: {view.title}.")
    questions = [one for one in views if one is family_of(one, views)[0]]
    if len(questions) > 1:
        _choose_view("View", f"looking_view_of_{page}", family_of(view, views)[0], questions, question=True)
    return view


def choose_way(view: View[Any], views: Sequence[View[Any]]) -> None:
    """Draw the views that answer the same question as `view`, where there are several, as a line of buttons."""
    family = family_of(view, views)
    if len(family) > 1:
        _choose_view(view.family, f"looking_way_of_{family[0].name}", view, family)


def family_of(view: View[Any], views: Sequence[View[Any]]) -> list[View[Any]]:
    """Return the views of the page that answer the same question as `view`, itself included, in the page's order."""
    return [one for one in views if one is view or (view.family and one.family == view.family)]


def _choose_view(label: str, key: str, chosen: View[Any], views: Sequence[View[Any]], question: bool = False) -> None:
    """Draw `views` as buttons, each with its title, or with the `question` that its family answers."""
    set_widget(key, chosen.name)
    titles = {one.name: (one.family if question else "") or one.title for one in views}
    st.segmented_control(
        label,
        list(titles),
        key=key,
        format_func=titles.__getitem__,
        required=True,
        on_change=take,
        args=("view", key),
        wrap=True,
        label_visibility="collapsed",
    )


def choose_layer(selection: Selection, choice: LayerChoice) -> LayerRow | None:
    """Draw the layers that `choice` admits as buttons and return the chosen layer; None, with a sentence, without any.

    Where the address names a layer that the view does not show, the chosen layer is the last shown one before it.
    """
    layers = [row for row in selection.layers if choice.among(row)]
    if not layers:
        st.info(choice.none, icon=":material/grid_off:")
        return None
    asked = url.asked("layer")
    named = next((row for row in selection.layers if asked in (row.label, row.name)), None)
    if named is None and url.from_outside("layer"):
        complain(f"This network has no layer “{asked}”. Here is its first one.")
    until = selection.layers.index(named) + 1 if named else 0
    chosen = next((row for row in reversed(selection.layers[:until]) if row in layers), layers[0])
    key = f"looking_layer_of_{len(layers)}"
    set_widget(key, chosen.label)  # the label is unique within a network; the address uses it too
    words = dict(zip((row.label for row in layers), choice.words(layers), strict=True))
    arguments: dict[str, Any] = {
        "key": key,
        "format_func": words.__getitem__,
        "on_change": take,
        "args": ("layer", key),
        "label_visibility": "collapsed",
    }
    if len(layers) > choice.most_buttons:
        st.selectbox(choice.label, list(words), width=260, **arguments)
    else:
        st.segmented_control(choice.label, list(words), required=True, wrap=True, **arguments)
    return chosen


def choose_channel(channels: int) -> int:
    """Return the output channel that the address names, if it is below `channels`; else channel 0."""
    asked = url.number("channel")
    if asked is not None and asked < channels:
        return asked
    if url.asked("channel") and url.from_outside("channel"):
        complain(f"This layer has the channels 0 to {channels - 1}, not {url.asked('channel')}. Here is the first.")
    return 0


def pick_channel(channels: int, word: str) -> int:
    """Draw a box for the number of a channel (or whatever `word` says) and return it.

    For views whose arrays are those of one channel, so that there is nothing to click on before they are computed.
    """
    chosen = choose_channel(channels)
    number_box("channel", word, chosen, channels)
    return chosen


def number_box(name: str, word: str, chosen: int, numbers: int) -> None:
    """Draw a box for a number from 0 to below `numbers`, called `word`, which the address keeps as `name`."""
    key = side.key(f"looking_{name}")
    set_widget(key, chosen)
    st.number_input(
        f"{word}, 0 to {numbers - 1}", 0, max(1, numbers - 1), key=key, on_change=take, args=(name, key),
        width=150, disabled=numbers < 2,
    )  # fmt: skip


def choose_option(screen: Screen, name: str, label: str, titles: Mapping[str, str], why: str | None = None) -> Options:
    """Draw the values of the view's own option `name` as buttons, and return the chosen one; nothing for the first one.

    `titles` holds what each value is called on its button. The first value is the one of an address that names none.
    """
    first = next(iter(titles))
    asked = url.asked(name)
    if asked and asked not in titles and url.from_outside(name):
        complain(f"There is no {label.lower()} “{asked}”. Here is {titles[first].lower()}.")
    chosen = asked if asked is not None and asked in titles else first
    key = f"looking_{name}"
    with screen.controls:
        set_widget(key, chosen)
        st.segmented_control(
            label, list(titles), key=key, format_func=titles.__getitem__, required=True, on_change=take, args=(name, key),
            wrap=True, help=why,
        )  # fmt: skip
    screen.address[name] = None if chosen == first else chosen
    return () if chosen == first else ((name, chosen),)


def window(tiles: int) -> DeltaGenerator:
    """Return the container for a grid of `tiles` tiles.

    A large grid scrolls within its container, so that the chosen tile, drawn beside the grid, stays in sight.
    """
    large = tiles > _MANY
    return st.container(height=620 if large else "content", border=large)


def choose_set(run: Run, info: DatasetInfo) -> SetName:
    """Draw the run's sets of pictures as buttons and return the chosen one.

    The test set is the first choice only where there is no validation set.
    """
    sizes = set_sizes(run, info)
    asked = url.asked("set")
    chosen = next((name for name in sizes if name == asked), next(iter(sizes)))
    if asked and asked != chosen and url.from_outside("set"):
        complain(f"This run has no set “{asked}” to look at. Here is: {chosen}.")
    set_widget(_SET, chosen)
    st.segmented_control(
        "Set of pictures",
        list(sizes),
        key=_SET,
        format_func=lambda name: f"{name} · {count(sizes[name])}",
        required=True,
        on_change=take,
        args=("set", _SET),
        wrap=True,
        help="Use the validation pictures to choose between epochs and settings. Look at the test pictures last, to see "
        "how good the choice is.",
    )
    return chosen


def set_sizes(run: Run, info: DatasetInfo) -> dict[SetName, int]:
    """Return the number of pictures of each set of the run that can be looked at, the default set first."""
    if not run.knows("validation_size"):  # imported weights: nobody knows their training pictures
        return {"test": info.num_test}
    sizes: dict[SetName, int] = {}
    left = info.num_train - run.config.validation_size
    train = min(left, run.config.train_subset or left)
    if run.config.validation_size:
        sizes["validation"] = run.config.validation_size
    sizes["test"] = info.num_test
    sizes["train sample"] = min(train, run.config.validation_size or SAMPLE_WITHOUT_VALIDATION)
    return sizes


def choose_class(info: DatasetInfo) -> int | None:
    """Draw the dataset's classes as a list and return the chosen one's index; None: the class that the network says."""
    asked = url.asked("class")
    chosen = asked if asked in info.classes else None
    if asked and chosen is None and url.from_outside("class"):
        complain(f"{info.name} has no class “{asked}”. Here is the one that the network says.")
    set_widget(_CLASS, chosen or "")  # not None: Streamlit takes that for "nothing chosen" and empties the box
    st.selectbox(
        "Class",
        ["", *info.classes],
        key=_CLASS,
        format_func=lambda name: name or "what it says",
        on_change=take,
        args=("class", _CLASS),
        width=190,
        help="Which class to explain: the one that the network names, or another.",
    )
    return None if chosen is None else info.classes.index(chosen)
