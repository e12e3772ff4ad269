"""This module draws what the views of train mode choose: the layer, the batch of real pictures, and the draw of the masks."""

from collections.abc import Callable, Sequence

import streamlit as st
from torch import Tensor

from cnnlab.analysis.layers import LayerKind, LayerRow, totals
from cnnlab.dashboard.inspect.choosers import number_box, set_sizes
from cnnlab.dashboard.inspect.selection import complain
from cnnlab.dashboard.inspect.view import Options, Screen, Subject
from cnnlab.dashboard.state import query_params as url
from cnnlab.formatting import count
from cnnlab.inspection.layer_choice import LayerChoice
from cnnlab.inspection.summary import summarise
from cnnlab.inspection.training_mode import batch
from cnnlab.models import ARCHITECTURES
from cnnlab.registry import UnknownNameError
from cnnlab.schema import SETTINGS

FAMILY = "In training?"
MOST_MACS = 5e9
"""Multiply-adds up to which a page computes at once: half a second on two cores."""


def layers_of_kind(kind: LayerKind, setting: str) -> LayerChoice:
    """Return the choice among the layers of a kind, which the setting of that name adds to a network."""
    return LayerChoice("Layer", lambda row: row.kind is kind, _words, most_buttons=7, none=without(kind, setting))


def without(kind: LayerKind, setting: str) -> str:
    """Return the sentences for a network that has no layer of that kind: which ones have it, and how to get it."""
    have = [architecture.name for architecture in ARCHITECTURES if architecture.own(setting)]
    names = " and ".join(have)
    word = "batch normalisation" if kind is LayerKind.BATCH_NORM else kind.words
    return (
        f"This network has no {word}. {names} {'has' if len(have) == 1 else 'have'} it by default; any other "
        f"architecture gets it on the Train page by “{SETTINGS[setting].label}”."
    )


def _words(rows: Sequence[LayerRow]) -> list[str]:
    return [f"{row.label} · {row.output_shape[0]} {word_for(row)}s" for row in rows]


def word_for(row: LayerRow) -> str:
    """Return what one channel of the layer's output is called."""
    return "channel" if len(row.output_shape) > 1 else "unit"


def choose_batch(screen: Screen) -> Options:
    """Draw the box for the number of the batch, and return the number; nothing for the first batch."""
    batches = batch.batches_in(_pictures(screen), screen.subject.config.batch_size)
    chosen = _number(screen, "batch", batches)
    with screen.controls:
        number_box("batch", "Batch", chosen, batches)
    return (("batch", chosen),) if chosen else ()


def choose_draw(screen: Screen) -> Options:
    """Draw the button that draws new masks, and return the number of the draw; nothing for the first one."""
    chosen = url.number("draw") or 0
    if url.asked("draw") and url.number("draw") is None and url.from_outside("draw"):
        complain(f"A draw is a whole number from 0, not “{url.asked('draw')}”. Here is draw 0.")
    screen.address["draw"] = chosen or None
    with screen.controls:
        st.button(
            "Draw again",
            icon=":material/casino:",
            key="training_draw",
            on_click=url.keep,
            kwargs={"draw": chosen + 1},
            help="Drop other units, at random. The number of the draw stands in the address, so a link shows the same one.",
        )
    return (("draw", chosen),) if chosen else ()


def choose_member(screen: Screen) -> int:
    """Return the number of the picture within the batch that the address names; 0 where it names none."""
    return _number(screen, "member", len(numbers(screen)))


def _number(screen: Screen, name: str, ends: int) -> int:
    asked = url.number(name)
    if asked is None or asked >= ends:
        if url.asked(name) and url.from_outside(name):
            what = "The batches of this set" if name == "batch" else "The pictures of this batch"
            complain(f"{what} have the numbers 0 to {ends - 1}, not “{url.asked(name)}”. Here is the first.")
        asked = 0
    screen.address[name] = asked or None
    return asked


def numbers(screen: Screen) -> range:
    """Return the numbers, within the chosen set, of the pictures of the chosen batch."""
    return batch.numbers_in(_pictures(screen), screen.subject.config.batch_size, option(screen.subject, "batch"))


def option(subject: Subject, name: str) -> int:
    """Return the chosen number of the batch or of the draw. Raises UnknownNameError for what is no number from 0 on."""
    value = subject.option(name) or 0
    if not isinstance(value, int) or value < 0:
        raise UnknownNameError(f"The {name} is a whole number from 0 on, not {value}.")
    return value


def batch_words(screen: Screen) -> str:
    """Return which pictures make the batch: "64 validation pictures (numbers 128 to 191 of the set)"."""
    chosen, size = numbers(screen), screen.subject.config.batch_size
    words = f"{count(len(chosen))} {screen.subject.set} pictures (numbers {count(chosen[0])} to {count(chosen[-1])} of the set)"
    if len(chosen) == size:
        return f"{words}, a batch of the run's own size" if screen.selection.run.knows("batch_size") else words
    if len(chosen) == batch.MOST_PICTURES:
        return f"{words}, the first of a batch of {count(size)}"
    return f"{words}: all there are, fewer than the run's batch of {count(size)}"


def _pictures(screen: Screen) -> int:
    subject = screen.subject
    if subject.set is None:
        raise TypeError("A batch is one of a set of pictures.")
    return set_sizes(screen.selection.run, subject.info)[subject.set]


def lacks_batch(subject: Subject) -> str:
    """Return a sentence where a run has no batch of the chosen number; "" where it has. Raises DataUnavailableError."""
    size = subject.config.batch_size
    try:
        batch.numbers_in(len(subject.pictures()), size, option(subject, "batch"))
    except UnknownNameError as error:
        return f"The batches of this run have {count(size)} pictures. {error} Choose another batch above."
    return ""


def received(subject: Subject) -> Tensor:
    """Return what the network receives of the chosen batch. Raises DataUnavailableError."""
    pictures = subject.pictures()
    chosen = batch.numbers_in(len(pictures), subject.config.batch_size, option(subject, "batch"))
    return batch.received(pictures.images, pictures.places[chosen.start : chosen.stop], *subject.normalisation)


def small(passes: int) -> Callable[[Subject], bool]:
    """Return a function that says whether so many forward passes of a batch are little work."""

    def is_small(subject: Subject) -> bool:
        macs = totals(summarise(subject.config, subject.info)).macs
        return passes * macs * min(subject.config.batch_size, batch.MOST_PICTURES) <= MOST_MACS

    return is_small
