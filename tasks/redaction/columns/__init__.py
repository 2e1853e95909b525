"""Columns: what each is declared as or looks like, and what becomes of its values."""
