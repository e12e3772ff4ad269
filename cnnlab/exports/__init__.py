"""This room writes what a run holds as files to carry away, one format a file."""
