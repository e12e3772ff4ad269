"""This package computes the arrays of views around what a page does itself: progress and Stop, and neighbours ahead."""
