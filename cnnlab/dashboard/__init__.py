"""Everything Streamlit that is not a page: the router, the shared look, the live chart, the tiles, the forms."""
