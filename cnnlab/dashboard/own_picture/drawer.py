"""This module draws what takes a person's own picture, and what chooses the square of it that a network sees."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab import logs
from cnnlab.dashboard.inspect.selection import set_widget
from cnnlab.dashboard.own_picture import keep
from cnnlab.dashboard.own_picture.edit import Own
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.uploader import uploader
from cnnlab.data import DatasetInfo
from cnnlab.data.images import KEPT_PX, KINDS, MAX_BYTES, PictureError, Square
from cnnlab.formatting import NARROW

_UPLOAD, _REFUSED, _DRAWER = "picture_upload", "picture_refused", "picture_drawer"
_SIDE, _LEFT, _TOP, _INVERTED = "own_side", "own_left", "own_top", "own_inverted"
_LAST = "own_last"
"""In the session, never in the address: the uploaded picture shown last. A link would hand it on to whoever opens it."""
_DARKENED = 0.35
"""Share of the brightness that is left beside the square."""
_SHOWN_PX = 240
"""Longest side of the picture in the drawer."""
_THINNEST = 40
"""The longest side of a picture that is shown is at most this many times its shortest."""


def draw_upload() -> None:
    """Draw a drawer that takes a picture of any kind people have."""
    most_mb = MAX_BYTES // 1_000_000
    with st.popover("Your own picture", icon=":material/add_photo_alternate:", key=_DRAWER, on_change="rerun"):
        uploader(
            f"A photograph, drawing or screenshot, up to {most_mb}{NARROW}MB",
            key=_UPLOAD,
            most_mb=most_mb,
            way_out="Save it as JPEG, or make it smaller, and try again.",
            shrink_px=KEPT_PX,
            on_change=_uploaded,
        )
        if st.session_state.get(_UPLOAD) is None:
            st.session_state.pop(_REFUSED, None)
        elif refused := st.session_state.get(_REFUSED):  # as long as the file stands above it
            st.error(escape(refused), icon=":material/broken_image:")
        st.caption(
            f"{KINDS}. Your browser makes it smaller before sending it, if it can. It stays on this server, without the "
            "data about place and camera. You choose the square that the network sees."
        )


def draw_edit(own: Own, picture: npt.NDArray[np.uint8], info: DatasetInfo) -> None:
    """Draw a drawer that chooses the square of the kept `picture` and inverts its colours."""
    with st.popover("Square and colours", icon=":material/crop:", key="own_edit"):
        square = own.square
        shown = framed(picture, square)
        width = max(1, _SHOWN_PX * shown.shape[1] // max(shown.shape[:2]))
        st.image(shown, width=width, output_format="PNG", alt="The uploaded picture with the square")
        for label, key, low, now, why in (
            ("Size of the square, %", _SIDE, 10, square.side, "In percent of the shorter side of the picture."),
            ("From the left, %", _LEFT, 0, square.left, "In percent of the space left and right of the square."),
            ("From the top, %", _TOP, 0, square.top, "In percent of the space above and below the square."),
        ):
            set_widget(key, now)
            st.slider(label, low, 100, key=key, step=5, help=why, on_change=_edited, args=(own.name,))
        set_widget(_INVERTED, own.inverted)
        st.toggle(
            "Invert: dark becomes light",
            key=_INVERTED,
            on_change=_edited,
            args=(own.name,),
            help="Each value becomes 255 minus the value.",
        )


def draw_hint(own: Own, picture: npt.NDArray[np.uint8], info: DatasetInfo) -> None:
    """Say what the network gets to see that the person may not expect: the wrong ground, or filled transparency."""
    ground = (
        "black" if info.ground and max(info.ground) == 0 else "white" if info.ground and min(info.ground) == 1 else None
    )
    if own.stands_out_wrongly(picture, info):
        inverse = Own(own.name, own.square, not own.inverted)
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/contrast: The training pictures of {escape(info.name)} have a {ground or 'plain'} background. This "
                "picture has the opposite, or can hardly be seen on it. The network has never seen that, so its answer says "
                "little."
            )
            for one in (own, inverse):
                shown = one.seen_by(picture, info).squeeze().repeat(3, axis=0).repeat(3, axis=1)
                st.image(shown, caption="inverted" if one.inverted else "as it is", width=84)
            way_out = "Use it as it is" if own.inverted else "Invert it"
            st.button(way_out, key="own_invert", icon=":material/invert_colors:", on_click=look_at, args=(inverse,))
    if picture.shape[2] == 4:
        filled = f"{ground}, as in the training pictures" if ground else "the mean colour of the training pictures"
        st.caption(f"Its transparent parts are filled with {filled}.")


def framed(picture: npt.NDArray[np.uint8], square: Square) -> npt.NDArray[np.uint8]:
    """Return the picture with everything beside the square darkened; one of a few lines gets more of them at its edges,
    so that there is something to see.
    """
    left, top, side = square.of(picture.shape[1], picture.shape[0])
    dark = picture.astype(np.float32)
    dark[..., :3] *= _DARKENED
    shown = dark.astype(np.uint8)
    inside = np.s_[top : top + side, left : left + side]
    shown[inside] = picture[inside]
    least = -(-max(shown.shape[:2]) // _THINNEST)
    missing = [max(0, least - sides) for sides in shown.shape[:2]]
    return np.pad(shown, (*((some // 2, some - some // 2) for some in missing), (0, 0)), mode="edge")


def look_at(own: Own) -> None:
    """Show the picture. A callback."""
    remember(own)
    url.keep(picture=f"upload:{own.text}")


def remember(own: Own) -> None:
    """Remember the uploaded picture for when the visitor looks at another one."""
    st.session_state[_LAST] = own.text


def last() -> str:
    """Return the text of the uploaded picture that this session showed last; "" before there is one."""
    text: str = st.session_state.get(_LAST, "")
    return text


def _edited(name: str) -> None:
    side, left, top = (int(st.session_state[key]) for key in (_SIDE, _LEFT, _TOP))
    look_at(Own(name, Square(side, left, top), bool(st.session_state[_INVERTED])))


def _uploaded() -> None:
    file = st.session_state[_UPLOAD]
    if file is None:
        return
    st.session_state.pop(_REFUSED, None)
    try:
        own = Own(keep.add(services.app_config(), file.getvalue(), file.type))
    except PictureError as error:
        logs.refused("a picture", str(error), size_bytes=file.size)
        st.session_state[_REFUSED] = str(error)
    except OSError as error:
        st.session_state[_REFUSED] = f"The picture cannot be kept on this server ({error.strerror})."
    else:
        look_at(own)
        st.session_state[_DRAWER] = False  # shut the drawer, which would cover the picture
