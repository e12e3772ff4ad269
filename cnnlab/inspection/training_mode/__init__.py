"""This room measures what a network does in train mode and not in eval mode: dropout, and batch statistics."""
