"""This room draws the page of one run."""
