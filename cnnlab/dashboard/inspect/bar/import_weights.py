"""This module imports weights from a file to look inside them: it asks for file, architecture and dataset."""

from dataclasses import dataclass
from io import BytesIO

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cnnlab import checkpoints, logs
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.uploader import uploader
from cnnlab.data import DATASETS
from cnnlab.formatting import NARROW
from cnnlab.models import ARCHITECTURES, pth, weights_file
from cnnlab.models.weights_file import Header, WeightsError
from cnnlab.runs import Imported, Run, Store, StoreError
from cnnlab.schema import SETTINGS, TrainingConfig

MOST_MB = 8
_DRAWER, _FILE, _REFUSED, _NAME = "import_drawer", "import_file", "import_refused", "import_name"
_RECEIVED, _RECEIVED_ID = "import_received", "import_received_id"
_CHOICES = {"architecture": ARCHITECTURES.names, "dataset": DATASETS.names}


@dataclass(frozen=True)
class _Received:
    """A `_Received` is a file that somebody has uploaded, as safetensors."""

    name: str
    safetensors: bytes


def draw(store: Store) -> None:
    """Draw a drawer that takes a weights file, asks for the architecture and dataset of its weights, and opens them."""
    with st.popover(
        "Weights from a file", icon=":material/upload_file:", type="tertiary", key=_DRAWER, on_change="rerun"
    ):
        if not st.session_state.get(_DRAWER):
            return
        file = uploader(
            f".pth, .pt or .safetensors, up to {MOST_MB}{NARROW}MB",
            key=_FILE,
            most_mb=MOST_MB,
            way_out="Open it on the machine of the server: python -m cnnlab import FILE",
        )
        if file is None:
            st.caption(
                "Weights that cnnlab or you yourself have saved, to look inside: `torch.save(net.state_dict(), PATH)`, as in "
                "the tutorial, or safetensors. Nothing in the file is run. For a larger one, on the machine of the server: "
                "`python -m cnnlab import FILE`"
            )
            return
        try:
            received = _received(file)
            header = weights_file.read_header(BytesIO(received.safetensors))
        except WeightsError as error:
            _complain(str(error))
            return
        _draw_choices(store, received, header)


def _received(file: UploadedFile) -> _Received:
    """Return the uploaded file as safetensors, made once: the page is drawn anew at every click. Raises WeightsError."""
    kept: _Received | WeightsError | None = st.session_state.get(_RECEIVED)
    if kept is None or st.session_state.get(_RECEIVED_ID) != file.file_id:
        with st.spinner("Reading the file …"):
            try:
                with pth.as_safetensors(file) as content:
                    kept = _Received(file.name, content.read())
            except WeightsError as error:
                logs.refused("weights", str(error))
                kept = error
        st.session_state[_RECEIVED], st.session_state[_RECEIVED_ID] = kept, file.file_id
    if isinstance(kept, WeightsError):
        raise kept
    return kept


def _draw_choices(store: Store, received: _Received, header: Header) -> None:
    stated = header.config
    if header.problem:
        st.warning(escape(header.problem), icon=":material/help:")
    for name, names in _CHOICES.items():
        first, options = getattr(stated or TrainingConfig(), name), names()
        setting = SETTINGS[name]
        place = options.index(first) if first in options else 0
        st.selectbox(setting.label, options, index=place, key=_key(name, header), help=setting.help)
    setting = SETTINGS["normalisation"]
    st.segmented_control(
        setting.label,
        setting.choices,
        default=(stated or TrainingConfig()).normalisation,
        key=_key("normalisation", header),
        help=f"{setting.help} What the network sees of a picture depends on it.",
        required=True,
    )
    st.text_input("Name", key=_NAME, placeholder="If empty: its architecture and a number")
    if refused := st.session_state.pop(_REFUSED, None):
        _complain(refused)
        shown = None
    else:
        shown = _draw_names(header)
    st.button("Look inside", key="import_go", type="primary", on_click=_bring, args=(store, received, shown))


def _key(name: str, header: Header) -> str:
    """Return the key of a chooser: a file that states its settings has choosers of its own, which begin with them."""
    return f"import_{name}_{header.config is None}"


def _settings(header: Header) -> tuple[TrainingConfig, bool]:
    """Return the settings as chosen, and whether the file states all of them. Raises WeightsError."""
    chosen = {name: st.session_state[_key(name, header)] for name in (*_CHOICES, "normalisation")}
    return weights_file.settings_for(header, **chosen)


def _draw_names(header: Header) -> dict[str, str] | None:
    """Show which tensor of the file becomes which of the network's, and return that; nothing where the names are equal.

    Where they do not fit, the page says why, and None is returned.
    """
    try:
        names = weights_file.names_for(header, _settings(header)[0])
    except WeightsError as error:
        _complain(str(error))
        return None
    if any(name != theirs for name, theirs in names.items()):
        st.caption(
            "The tensors in this file have other names than in cnnlab. Matched by shape and order; check that this is right:"
        )
        shapes = ["×".join(map(str, header.tensors[theirs].shape)) for theirs in names.values()]
        table = pd.DataFrame({"In the file": names.values(), "In the network": names.keys(), "Shape": shapes})
        st.dataframe(table, hide_index=True, height=200, alt="Which tensor of the file is which of the network")
    return names


def _complain(sentence: str) -> None:
    st.error(escape(sentence), icon=":material/broken_image:")


def _bring(store: Store, received: _Received, shown: dict[str, str] | None) -> None:
    """Keep the uploaded weights as a run and show that run, or say why the weights cannot be shown.

    A callback of the button. `shown`: the names that the person has seen matched; others are shown first.
    """
    try:
        run = _run_from(store, received, shown)
    except (WeightsError, StoreError) as error:
        logs.refused("weights", str(error))
        st.session_state[_REFUSED] = str(error)
        return
    if run:
        st.session_state[_DRAWER] = False
        st.session_state.pop(_RECEIVED, None)
        url.keep(run=run.id, epoch=None)


def _run_from(store: Store, received: _Received, shown: dict[str, str] | None) -> Run | None:
    """Return the run made of the file and what is chosen; None where names would be matched that nobody has seen yet."""
    file = BytesIO(received.safetensors)
    header = weights_file.read_header(file)
    config, stated = _settings(header)
    names = weights_file.names_for(header, config)
    if names != shown and any(name != theirs for name, theirs in names.items()):
        return None
    tensors = weights_file.load(file, header, config, names)
    facts = Imported(file=received.name, stated=stated, epoch=header.epoch if stated else None)
    name = st.session_state.get(_NAME, "").strip() or None
    return store.bring(config, lambda path: checkpoints.write(path, tensors, {}), facts, name)
