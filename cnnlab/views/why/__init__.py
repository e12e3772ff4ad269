"""This room holds the views that answer "why this class?", one way of asking a file."""
