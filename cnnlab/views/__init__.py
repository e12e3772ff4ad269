"""This room holds what can be looked at inside a network, one view a file."""
