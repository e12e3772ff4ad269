"""This module imports weights from a file to look inside them: it asks for file, architecture and dataset."""

from typing import BinaryIO

import streamlit as st

from cnnlab import checkpoints, logs
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS
from cnnlab.formatting import NARROW
from cnnlab.models import ARCHITECTURES, weights_file
from cnnlab.models.weights_file import Header, WeightsError
from cnnlab.runs import Imported, Run, Store, StoreError
from cnnlab.schema import SETTINGS, TrainingConfig

MOST_MB = 8
_DRAWER, _FILE, _REFUSED, _NAME = "import_drawer", "import_file", "import_refused", "import_name"
_CHOICES = {"architecture": ARCHITECTURES.names, "dataset": DATASETS.names}


def draw(store: Store) -> None:
    """Draw a drawer that takes a weights file, asks for the architecture and dataset of its weights, and opens them."""
    with st.popover(
        "Weights from a file", icon=":material/upload_file:", type="tertiary", key=_DRAWER, on_change="rerun"
    ):
        if not st.session_state.get(_DRAWER):
            return
        file = st.file_uploader(
            f"safetensors, up to {MOST_MB}{NARROW}MB",
            type=["safetensors"],
            key=_FILE,
            max_upload_size=MOST_MB,
        )
        if file is None:
            st.caption(
                "Weights that cnnlab or you yourself have saved, to look inside. A safetensors file holds numbers and no "
                "program. For a larger one, on the machine of the server: `python -m cnnlab import FILE`"
            )
            return
        file.seek(0)  # Streamlit hands over the same open file at each rerun
        try:
            header = weights_file.read_header(file)
        except WeightsError as error:
            _complain(str(error))
            return
        _draw_choices(store, file.name, header)


def _draw_choices(store: Store, file_name: str, header: Header) -> None:
    stated = header.config
    if header.problem:
        st.warning(escape(header.problem), icon=":material/help:")
    for name, names in _CHOICES.items():
        first = getattr(stated or TrainingConfig(), name)
        options = names()
        setting = SETTINGS[name]
        place = options.index(first) if first in options else 0
        st.selectbox(setting.label, options, index=place, key=f"import_{name}_{stated is None}", help=setting.help)
    setting = SETTINGS["normalisation"]
    st.segmented_control(
        setting.label,
        setting.choices,
        default=(stated or TrainingConfig()).normalisation,
        key=f"import_normalisation_{stated is None}",
        help=f"{setting.help} What the network sees of a picture depends on it.",
        required=True,
    )
    st.text_input("Name", key=_NAME, placeholder="its architecture and a number")
    if refused := st.session_state.pop(_REFUSED, None):
        _complain(refused)
    st.button("Look inside", key="import_go", type="primary", on_click=_bring, args=(store, file_name, stated is None))


def _complain(sentence: str) -> None:
    st.error(escape(sentence), icon=":material/broken_image:")


def _bring(store: Store, file_name: str, silent: bool) -> None:
    """Keep the uploaded weights as a run and show that run, or say why the weights cannot be shown.

    A callback of the button.
    """
    file = st.session_state.get(_FILE)
    if file is None:
        return
    chosen = {name: st.session_state[f"import_{name}_{silent}"] for name in (*_CHOICES, "normalisation")}
    try:
        run = _run_from(store, file, file_name, chosen)
    except (WeightsError, StoreError) as error:
        logs.refused("weights", str(error))
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state[_DRAWER] = False
    url.keep(run=run.id, epoch=None)


def _run_from(store: Store, file: BinaryIO, file_name: str, chosen: dict[str, str]) -> Run:
    """Return the run made of the uploaded file, read anew: between two clicks a browser may have sent another file."""
    file.seek(0)
    header = weights_file.read_header(file)
    config, stated = weights_file.settings_for(header, **chosen)
    tensors = weights_file.load(file, header, config)
    facts = Imported(file=file_name, stated=stated, epoch=header.epoch if stated else None)
    name = st.session_state.get(_NAME, "").strip() or None
    return store.bring(config, lambda path: checkpoints.write(path, tensors, {}), facts, name)
