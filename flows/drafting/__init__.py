"""Draft a use case from files: read their headers and a sample, guess, and write the guesses down.

Values are looked at in memory and go no further: what is written and said holds names of columns,
kinds and counts.
"""
