"""This room draws what a network says of a whole set: each class's accuracy, how sure it is, and since which epoch."""
