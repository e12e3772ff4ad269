"""This room holds the views of what a channel looks for, when it moved, and what the network is worth without it."""
