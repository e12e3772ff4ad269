"""This room measures the dashboard with many people at it at once."""
