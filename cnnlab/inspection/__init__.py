"""What can be seen inside a network: one view a file, arrays out; none leaves a trace in what it looks at."""
