"""Weigh every verdict into one decision; stop nothing."""
