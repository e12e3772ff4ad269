"""The script Streamlit runs for every visitor: navigation, the status beneath it, then the page that was asked for."""

import streamlit as st

from cnnlab.dashboard import access, look, routes, visitors
from cnnlab.dashboard.component import STATIC

icon = str(STATIC / "icon.svg")
st.set_page_config(page_title="cnnlab", page_icon=icon, layout="wide")
st.logo(str(STATIC / "logo.svg"), icon_image=icon, size="large")

page = st.navigation(routes.all_pages(), position="sidebar" if visitors.known() else "hidden")
visitors.enter()
with st.sidebar:
    visitors.sidebar()
    look.sidebar_status(access.store())
page.run()
