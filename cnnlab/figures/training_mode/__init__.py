"""This room draws what differs between train mode and eval mode: answers with dropout, and batch normalisation."""
