"""These measurements train, and compare what they cost and reach."""
