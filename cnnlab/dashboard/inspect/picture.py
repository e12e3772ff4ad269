"""This module chooses the picture to look at, from a dataset or uploaded; the URL names it: test:123, upload:<hash>."""

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.dashboard.inspect.selection import complain, set_widget
from cnnlab.dashboard.own_picture import drawer, edit, keep
from cnnlab.dashboard.own_picture.edit import Own
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DATASETS, Arrays, Dataset, DatasetInfo, DataUnavailableError
from cnnlab.data.tensors import normalisation_of
from cnnlab.data_folders import DataFolders
from cnnlab.formatting import MINUS
from cnnlab.schema import TrainingConfig

STRIP = 12
"""Number of thumbnails side by side."""
SHOWN_PX, COLUMN_PX = 160, 168
"""Width of one large picture on the page, and width of its column."""
_CLASS, _INDEX = "picture_class", "picture_index"
_ALL = "all classes"


@dataclass(frozen=True)
class Picture:
    """A `Picture` holds the pixels of the chosen picture, its name in the URL and its true class."""

    key: str
    """Name of the picture in the URL: "test:123"."""
    given: npt.NDArray[np.uint8]
    """[height, width, channels]: the picture as it is in the dataset or, perhaps scaled down, was uploaded."""
    sized: npt.NDArray[np.uint8]
    """[size_px, size_px, channels]: the picture that is normalised and handed to the network."""
    label: int | None
    """Index of the true class; None for an uploaded picture, whose class nobody has said."""
    own: Own | None = None
    """What was chosen of an uploaded picture."""

    @property
    def words(self) -> str:
        """Return where the picture comes from, in words: "test picture 123", "the uploaded picture"."""
        kind, _, which = self.key.partition(":")
        names = {"test": f"test picture {which}", "train": f"picture {which} of the training file"}
        return names.get(kind, "the uploaded picture")

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the picture in pixels, as it was before anything was scaled."""
        height, width = self.given.shape[:2]
        return (keep.size_of(self.own.name) if self.own else None) or (width, height)


@st.cache_resource(max_entries=8, show_spinner="Reading the pictures …")
def _arrays(name: str, folders: DataFolders) -> Arrays:
    """Return the dataset's arrays: read-only memory maps, safe to share between visitors."""
    return DATASETS.get(name).load(folders)


def choose_picture(dataset_name: str) -> Picture | None:
    """Draw the chooser of the picture and return the chosen one; None where the page has said why there is none."""
    dataset = DATASETS.get(dataset_name)
    arrays = test_set(dataset)
    picture = _asked(dataset, arrays)
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, gap="xsmall", key="frame_picture"):
            if arrays is not None:
                _draw_test_choice(dataset, arrays, picture)
            drawer.draw_upload()
            if picture and picture.own:
                drawer.draw_edit(picture.own, picture.given, dataset.info)
        if picture and picture.own:
            drawer.draw_hint(picture.own, picture.given, dataset.info)
        if arrays is not None:
            _draw_strip(dataset, arrays, picture)
    return picture


def draw_received(config: TrainingConfig, info: DatasetInfo, network_input: npt.NDArray[np.float32]) -> None:
    """Draw the normalised picture [channels, size_px, size_px] that goes into the first layer, as colours."""
    with st.container(width=COLUMN_PX):
        st.markdown("**As the network sees it**")
        colours = np.moveaxis(network_input, 0, -1)[np.newaxis]
        tiles(
            key="network_input",
            values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
            limits=_range(config, info),
            palette="viridis",
            labels=["input"],
            columns=1,
            tile_px=SHOWN_PX,
            hint="Point at a pixel to read its numbers.",
            description="The numbers that the network receives, as colours.",
        )
        st.caption(_normalisation_words(config, info))


def test_set(dataset: Dataset) -> Arrays | None:
    """Return the dataset's arrays, if they are on this machine: a page that looks inside does not download."""
    folders = services.app_config().data
    try:
        if dataset.info.download_bytes == 0 or dataset.is_ready(folders):
            return _arrays(dataset.info.name, folders)
        problem = f"The test pictures of {dataset.info.name} are not on this machine; look at a picture of your own."
    except DataUnavailableError as error:
        problem = str(error)
    st.warning(escape(problem), icon=":material/image_not_supported:")
    return None


def _asked(dataset: Dataset, arrays: Arrays | None) -> Picture | None:
    """Return the picture that the address names, else the first test picture; None where there is no dataset."""
    key = url.asked("picture") or "test:0"
    kind, info = key.partition(":")[0], dataset.info
    if found := named(dataset, arrays, key):
        return found
    if kind == "upload":
        complain("The uploaded picture of this address is no longer kept; upload it again.")
    elif arrays is not None and url.from_outside("picture"):
        complain(f"{info.name} has the test pictures 0 to {info.num_test - 1}. Here is the first one.")
    return named(dataset, arrays, "test:0")


def named(dataset: Dataset, arrays: Arrays | None, key: str) -> Picture | None:
    """Return the picture that an address names `key`; None where there is none of that number, or it is not kept."""
    kind, _, which = key.partition(":")
    if kind == "upload":
        return _own(which, dataset.info)
    index = url.whole(which)
    if arrays is None or index is None or kind not in ("test", "train"):
        return None
    test = kind == "test"
    images, labels = (arrays.test_images, arrays.test_labels) if test else (arrays.train_images, arrays.train_labels)
    if index >= len(labels):
        return None
    image = np.array(images[index])
    return Picture(f"{kind}:{index}", image, image, int(labels[index]))


def _own(text: str, info: DatasetInfo) -> Picture | None:
    """Return the uploaded picture that the text names, as a network for the dataset sees it; None where it is not kept."""
    own = edit.read(text)
    given = keep.find(services.app_config(), own.name) if own else None
    if own is None or given is None:
        return None
    return Picture(f"upload:{own.text}", given, own.seen_by(given, info), None, own)


def _draw_test_choice(dataset: Dataset, arrays: Arrays, picture: Picture | None) -> None:
    classes = dataset.info.classes
    chosen = st.session_state.get(_CLASS)
    now = _index_of(picture)
    if (
        chosen not in (None, _ALL)
        and now is not None
        and (chosen not in classes or classes[arrays.test_labels[now]] != chosen)
    ):
        chosen = None  # the address has moved on to another class
    set_widget(_CLASS, chosen or _ALL)
    members = _members(dataset, arrays)
    st.selectbox(
        "Test pictures of",
        [_ALL, *classes],
        key=_CLASS,
        on_change=_to_class,
        args=(dataset.info.name,),
        format_func=lambda name: f"Test: {'all' if name == _ALL else name}",
        label_visibility="collapsed",
        width=140,
        persist_state="session",
    )
    set_widget(_INDEX, now)
    st.number_input(
        f"Number in the test set, 0 to {dataset.info.num_test - 1}",
        min_value=0,
        max_value=dataset.info.num_test - 1,
        step=1,
        value=None,
        key=_INDEX,
        on_change=_to_index,
        placeholder="0",
        label_visibility="collapsed",
        width=120,
    )
    place = int(np.searchsorted(members, now or 0))
    before = members[place - 1]
    after = members[(place + (now is not None)) % len(members)]
    chance = members[random.randrange(len(members))]
    for name, label, icon, why, index in (
        (
            "back",
            "Back",
            ":material/arrow_back:",
            "The test picture before; the network was never trained on these",
            before,
        ),
        (
            "on",
            "Next",
            ":material/arrow_forward:",
            "The next test picture; the network was never trained on these",
            after,
        ),
        ("any", "Random", ":material/casino:", "A picture picked at random", chance),
    ):
        st.button(label, key=f"picture_{name}", icon=icon, help=why, on_click=_to, args=(f"test:{index}",))


def _draw_strip(dataset: Dataset, arrays: Arrays, picture: Picture | None) -> None:
    """Draw the row of thumbnails of test pictures in which the chosen picture stands, after the uploaded one."""
    members = _members(dataset, arrays)
    now = _index_of(picture)
    if picture and picture.own:
        drawer.remember(picture.own)
    uploaded = _own(drawer.last(), dataset.info)
    number = STRIP - bool(uploaded)
    place = int(np.searchsorted(members, now or 0))
    begin = place - place % number
    shown = members[begin : begin + number]
    images = list(arrays.test_images[shown])
    labels = [f"{index} {dataset.info.classes[arrays.test_labels[index]]}" for index in shown]
    keys = [f"test:{index}" for index in shown]
    if uploaded and uploaded.own:  # it stays where one click brings it back
        images, labels, keys = [uploaded.sized, *images], ["uploaded", *labels], [uploaded.key, *keys]
    colours = np.array(images, dtype=np.float32)
    tiles(
        key="picture_strip",
        values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=labels,
        tile_px=56,
        selected=keys.index(picture.key) if picture and picture.key in keys else None,
        hint="",
        description="Test pictures to choose from, after the uploaded one if there is one.",
        on_pick=lambda tile: _to(keys[tile]),
    )


def _members(dataset: Dataset, arrays: Arrays) -> npt.NDArray[np.int64]:
    """Return the numbers of the test pictures of the chosen class: int64 [N]."""
    chosen = st.session_state.get(_CLASS, _ALL)
    if chosen not in dataset.info.classes:
        return np.arange(dataset.info.num_test)
    return np.flatnonzero(np.asarray(arrays.test_labels) == dataset.info.classes.index(chosen))


def _index_of(picture: Picture | None) -> int | None:
    kind, _, which = picture.key.partition(":") if picture else ("", "", "")
    return int(which) if kind == "test" else None


def _to(key: str) -> None:
    url.keep(picture=key)


def _to_index() -> None:
    index = st.session_state[_INDEX]
    if index is not None:
        _to(f"test:{index}")


def _to_class(dataset_name: str) -> None:
    dataset = DATASETS.get(dataset_name)
    members = _members(dataset, _arrays(dataset_name, services.app_config().data))
    _to(f"test:{members[0]}")


def _range(config: TrainingConfig, info: DatasetInfo) -> tuple[float, float]:
    """Return the normalised values of a black and of a white pixel, the outermost of all channels."""
    mean, std = normalisation_of(config, info)
    return min(-m / s for m, s in zip(mean, std, strict=True)), max((1 - m) / s for m, s in zip(mean, std, strict=True))


def _normalisation_words(config: TrainingConfig, info: DatasetInfo) -> str:
    low, high = _range(config, info)
    size = f"{info.channels}×{info.size_px}×{info.size_px} numbers from {short(low)} to {short(high)}"
    if config.normalisation == "half":
        return f"{size}: (v / 255 {MINUS} 0.5) / 0.5."
    return f"{size}: (v / 255 {MINUS} mean) / deviation of each channel over the training set."
