"""Find one person in places that nobody sealed: where files lie, what to look for, how to mask it."""
