"""This room draws what the ways of asking "why this class?" have in common: the map over the picture, and its check."""
