"""This room computes why a network gives a picture a class: one way of asking a file, and what checks the ways."""
