"""This room measures the channels of a layer: what each looks for, and what the network is worth without it."""
