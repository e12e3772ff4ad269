"""This room draws conclusions from what runs have measured; it needs no torch, no Plotly and no Streamlit."""
