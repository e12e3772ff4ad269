"""This module defines `View`, one thing to look at inside a network; VIEWS holds all, one a file in cnnlab/views/."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow
from cnnlab.dashboard.data.picture_sets import HELD_OUT, PictureSet, SetName
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.inspect.subject import Need, Options, Subject
from cnnlab.inspection.layer_choice import LayerChoice
from cnnlab.registry import Registry
from cnnlab.runs import Checkpoint

__all__ = [
    "HELD_OUT",
    "VIEWS",
    "Cost",
    "Need",
    "Options",
    "PictureSet",
    "Screen",
    "SetName",
    "Subject",
    "View",
    "register",
    "views_of",
]
"""All that the file of a view needs: also what it is given (subject.py)."""

Cost = Literal["instant", "seconds", "dataset"]

A = TypeVar("A")


@dataclass(frozen=True)
class View(Generic[A]):
    """A `View` is one thing to look at: `compute` makes arrays of a Subject, and `draw` shows the arrays.

    The frame (page.py) does everything else.
    """

    name: str
    """Name of the view in the address: ?view=grad_cam."""
    title: str
    page: str
    """Name of the page that shows the view: "kernels", "feature_maps", "predictions"."""
    compute: Callable[[Subject], A]
    """Function that makes arrays (or a frozen dataclass of arrays), never a model; its return type is written down. May
    raise CheckpointError or DataUnavailableError. It sees only what `needs` names: so its arrays are kept by that."""
    draw: "Callable[[Screen, A], None]"
    needs: frozenset[Need]
    """Choices that the arrays depend on; the frame draws a chooser for each."""
    cost: Cost
    """Time of `compute`. instant: below 0.2 s. seconds: about one. dataset: more, so a process of its own computes."""
    source: str
    """Paper or formula of the view, as Markdown: one click away on the page."""
    version: int = 1
    """One more whenever `compute` comes to give other numbers: answers that were kept on the disk are then made anew."""
    shows: frozenset[Need] = frozenset()
    """Choices on the page that only matter to `draw`: the arrays do not depend on them."""
    layers: LayerChoice = field(default=LayerChoice())
    place: int = 100
    """Where the view stands among those of its page: the smallest place comes first, and one place is in order of names."""
    family: str = ""
    """Question that several views of a page answer, each in its own way: they share one button, and have a line of theirs."""
    choose: "Callable[[Screen], Options] | None" = None
    """Function that draws the view's own choosers and returns what was chosen, for `Subject.options`."""
    kept: Callable[[Subject], A | None] = field(default=lambda subject: None)
    """Function that reads the arrays where the run itself has kept them when it measured; None where it has not."""
    counts: str = "pictures"
    """What `Subject.progress` counts."""
    small: Callable[[Subject], bool] = field(default=lambda subject: False)
    """Function that says where a view of cost "dataset" is so little work that a page may compute it all the same."""
    most_pictures: int | None = None
    """Number of pictures of the set that are looked at, at most; None: all of them."""
    missing: Callable[[], str] = field(default=lambda: "")
    """Function that says, in a sentence, what has to be installed before anything can be computed; "" where nothing has."""
    shared: str = ""
    """Name under which the arrays are kept on the disk, for views that draw the same ones; else they have the view's."""
    lacks: Callable[[Subject], str] = field(default=lambda subject: "")
    """Function that says, in a sentence, what a network has not of what was chosen for another one; "" where it has all.
    Asked of the network beside. May raise DataUnavailableError."""
    difference: "Callable[[Screen, Screen, A, A], None] | None" = None
    """Function that draws how the arrays of two networks differ, below the view that stands twice."""

    def in_a_page(self, subject: Subject) -> bool:
        """Return whether a page computes the view's arrays of `subject`; else a process of its own does."""
        return self.cost != "dataset" or self.small(subject)

    @property
    def chooses(self) -> frozenset[Need]:
        """Return everything that the page has a chooser for while it shows this view."""
        return self.needs | self.shows


@dataclass(frozen=True)
class Screen:
    """A `Screen` tells a view's `draw` what was chosen on the page, and in which containers to draw."""

    looked_at: Selection | None
    """Chosen run and moment; None on a page that looks at no network."""
    subject: Subject
    picture: Picture | None
    row: LayerRow | None
    """Chosen layer; None where the view has no chooser for layers."""
    above: DeltaGenerator
    """Container between the picture's chooser and the layers' chooser."""
    controls: DeltaGenerator
    """Container of the choosers' line, where a view adds choosers of its own."""
    arrays_at: Callable[[Checkpoint], Any]
    """Function that returns the view's arrays for another checkpoint of the same run. Raises what `compute` raises; None
    where the arrays are of a whole dataset and nobody has measured them there."""
    arrays_with: Callable[..., Any]
    """Function that returns the view's arrays with other values in the fields of the subject that are given by name."""
    address: dict[str, str | int | None]
    """Further names and values of the view that the page puts into the address."""
    other: Any = None
    """Arrays of the network beside, where the view stands twice: both sides have one scale."""

    @property
    def selection(self) -> Selection:
        """Return the chosen run and moment. Raises TypeError on a page that looks at no network."""
        if self.looked_at is None:
            raise TypeError("A view that draws a network must stand on a page that has one.")
        return self.looked_at

    @property
    def layer(self) -> LayerRow:
        """Return the chosen layer. Raises TypeError where the view has no chooser for layers."""
        if self.row is None:
            raise TypeError("A view that draws a layer must need it.")
        return self.row

    @property
    def channel(self) -> int:
        """Return the chosen output channel of the chosen layer; 0 for views that have no chooser for channels."""
        return self.subject.channel or 0

    @property
    def chosen_picture(self) -> Picture:
        """Return the chosen picture. Raises TypeError where the view has no chooser for pictures."""
        if self.picture is None:
            raise TypeError("A view that draws a picture must need it.")
        return self.picture


VIEWS: Registry[View[Any]] = Registry("view", "cnnlab.views", nested=True)


def register(view: View[A]) -> View[A]:
    """Add a view to VIEWS under its own name, and return the view."""
    VIEWS.register(view.name, view)
    return view


def views_of(page: str) -> list[View[Any]]:
    """Return the views of a page: first the view that has the page's name, then the others by their place."""
    return sorted(
        (view for view in VIEWS if view.page == page), key=lambda view: (view.name != page, view.place, view.name)
    )
