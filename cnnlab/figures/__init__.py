"""This room takes arrays and records and returns figures. It needs no torch and no Streamlit: a notebook can use it as
it is.
"""
