"""Arrays and records in, a figure out. No torch, no Streamlit: a notebook can use them as they are."""
