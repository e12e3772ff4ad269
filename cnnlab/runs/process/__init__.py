"""This room starts the processes that train or measure, and keeps watch over them."""
