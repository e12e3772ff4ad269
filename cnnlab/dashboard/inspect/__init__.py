"""This room frames the pages that look inside a network: the choice of run, epoch, layer and picture, and a cache."""
