"""This room is what pages reach for: the store, the address, readings that all visitors share."""
