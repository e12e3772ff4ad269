"""The script Streamlit runs for every visitor: navigation, the status at its foot, then the page that was asked for."""

import streamlit as st

from cnnlab.dashboard import access, look, routes

st.set_page_config(page_title="cnnlab", page_icon=":material/blur_on:", layout="wide")

page = st.navigation(routes.all_pages())
with st.sidebar:
    look.sidebar_status(access.store())
page.run()
