"""This room is the frame of the pages that look inside a network: run, epoch, layer, picture, and what they compute."""
