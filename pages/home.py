"""Start: what is this, and where do I begin?"""

import streamlit as st

from cnnlab.dashboard import access, look, routes
from cnnlab.dashboard.examples import examples
from cnnlab.data import DATASETS
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store

DEMO = PRESETS[0]
BUILT_IN = "shapes"
LATEST = 5
PICTURES_PX = 220
CARDS = (
    (routes.train, "How does a network learn?", "Choose its settings, press Train, and watch the loss fall live."),
    (routes.compare, "Which run is better?", "Runs side by side: does the network learn, or only remember?"),
    (routes.kernels, "What has it learnt to look for?", "The weights of every convolution, at any epoch."),
    (routes.feature_maps, "What does it see?", "Every layer's answer to a picture, also to one of yours."),
)


def begin(dataset: str) -> None:
    """Start the demo on `dataset` and go and watch it."""
    from cnnlab.dashboard import start  # it loads torch, and this page must open at once
    from cnnlab.models import complete

    if run_id := start.begin(complete(DEMO.config.model_copy(update={"dataset": dataset}))):
        access.go(routes.train(), run=run_id)
    start.problem()


def welcome() -> None:
    """What this is, and the one button to begin with."""
    st.title("See what a convolutional network learns", anchor=False)
    st.markdown(
        "Train one on real pictures, watch it learn step by step, find out whether it overfits, and look inside: "
        "at what its kernels look for, and at what they find in a picture of yours."
    )
    config = DEMO.config
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        wanted = st.button(f"Train the {DEMO.name}", key="demo", type="primary", icon=":material/play_arrow:")
        access.link(routes.train(), "Choose my own settings", icon=":material/tune:")
    st.caption(
        f"{config.architecture}, {config.epochs} epochs on {look.count(config.train_subset or 0)} pictures of "
        f"{config.dataset}. It trains in the background; this page may be closed."
    )
    dataset = DATASETS.get(config.dataset)
    if not dataset.is_ready(access.settings().data):
        size = f"{dataset.info.download_bytes / 1e6:.0f} MB"
        st.caption(f"{config.dataset} is not on this machine yet: the first run fetches it, once ({size}).")
        if st.button(f"No network? Train on {BUILT_IN}, which is built in", key="demo_built_in", type="tertiary"):
            begin(BUILT_IN)
    if wanted:
        begin(config.dataset)


def pictures() -> None:
    """What a network is shown: one picture of each class, looked for again until it is there."""
    st.fragment(_pictures, run_every=None if examples() else "1s", key="pictures")()


def _pictures() -> None:
    shown = examples()
    if shown is None:
        st.space(PICTURES_PX)
        return
    st.image(shown.sheet, output_format="PNG", width="stretch", alt=f"Ten pictures of {shown.dataset}")
    st.caption(f"{shown.dataset}, one of each class: {', '.join(shown.classes)}.")


def cards() -> None:
    """The four questions, each the title of its page."""
    with st.grid(4, min_column_width=180, border=True) as grid:
        for page, question, answer in CARDS:
            with grid.cell():
                st.markdown(f"**{question}**")
                st.caption(answer)
                access.link(page(), page().title, icon=":material/arrow_forward:")


def latest(store: Store, runs: list[Run]) -> None:
    """The newest runs, each a link."""
    st.subheader("Latest runs", anchor=False)
    names = {run.id: run for run in runs}
    for run in runs[:LATEST]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            access.link(routes.train(), look.run_line(run), run=run.id)
            st.caption(look.escape(look.difference_line(run, names.get(run.parent_id or ""))), width="stretch")
            st.caption(standing(run))


def standing(run: Run) -> str:
    """How it stands, or how well it did, with the set."""
    if run.results:
        return f"test {look.percent(run.results.final.test.accuracy)}"
    word = look.STATUS[run.status].word
    return f"{word}, epoch {run.epoch} of {run.config.epochs}" if run.status is RunStatus.RUNNING else word


store = access.store()
with st.container(horizontal_alignment="center"), st.container(width=1120, gap="large"):
    left, right = st.columns([6, 5], gap="large", vertical_alignment="center")
    with left:
        welcome()
    with right:
        pictures()
    cards()
    if runs := access.runs(store):
        latest(store, runs)
