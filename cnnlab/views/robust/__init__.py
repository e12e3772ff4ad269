"""This room holds the views that answer "robust?": one picture under changes, and a whole set."""
