"""This room holds the widgets of ours that more than one page uses."""
