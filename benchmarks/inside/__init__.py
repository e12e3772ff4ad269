"""This room measures the views that look inside a network, as a person with a pointer meets them."""
