"""This room computes what a network says of changed pictures: shifted, rotated, blurred, noised, and attacked."""
