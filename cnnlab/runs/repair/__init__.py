"""This room checks a store and rebuilds a damaged one from what can still be read."""
