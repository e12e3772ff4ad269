"""This module is the script Streamlit runs for every visitor: navigation, the status beneath it, then the page that was
asked for.
"""

import streamlit as st

from cnnlab.dashboard.app import navigation, sidebar
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.component import STATIC

icon = str(STATIC / "icon.svg")
st.set_page_config(page_icon=icon, layout="wide")  # before the pages: their icons would be fetched from elsewhere
st.logo(str(STATIC / "logo.svg"), icon_image=icon, size="large")

page = st.navigation(navigation.all_pages(), position="sidebar" if current_user.known() else "hidden")
st.set_page_config(page_title=f"{page.title} · cnnlab")
current_user.enter()
with st.sidebar:
    current_user.sidebar()
    sidebar.sidebar_status(services.store())
page.run()
