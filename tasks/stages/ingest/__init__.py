"""Bring the sources together: only what is declared, one row per application, under a pseudonym."""
