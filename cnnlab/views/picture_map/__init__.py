"""This room holds the views that lay a set's pictures out on a plane."""
