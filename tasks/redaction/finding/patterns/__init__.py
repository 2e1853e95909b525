"""Personal data that is known by its form: patterns, validators, one pass over all of them."""
