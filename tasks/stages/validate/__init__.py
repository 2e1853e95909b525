"""Is the data fit to learn from? Expectations, drift, duplicates, balance."""
