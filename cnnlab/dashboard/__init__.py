"""This room holds everything Streamlit that is not a page: the router, the live chart, the tiles, the forms."""
