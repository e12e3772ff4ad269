"""This room holds what a network says of every picture of a set, and what follows from it."""
