"""This room takes a person's own picture: it keeps it, cuts the square, inverts it, and draws what does so."""
