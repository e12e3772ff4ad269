"""This room reads the store so that no writer waits for it: one statement a reading, and objects only afterwards."""
