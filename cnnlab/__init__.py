"""cnnlab: train small convolutional networks, watch them learn, and look inside."""
