"""This room draws maps of pictures: the plane of points, the chosen picture beside it, and what the map can say."""
