"""This room draws a view twice, for two networks, with what differs between them below."""
