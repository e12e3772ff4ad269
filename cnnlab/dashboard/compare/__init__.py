"""This room draws the page that compares runs."""
