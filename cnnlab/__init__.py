"""This package trains small convolutional networks, lets people watch them learn, and looks inside them."""
