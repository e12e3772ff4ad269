"""These measurements open the dashboard as its visitors do."""
