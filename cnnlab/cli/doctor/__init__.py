"""This package is the command `doctor`, which says what is wrong with this machine or this store."""
