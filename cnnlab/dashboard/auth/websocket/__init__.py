"""This room stands between a browser's websocket and Streamlit: what a page may say, how often, and until when."""
