"""This room asks for a sweep and draws what came of it."""
