"""Measure whom the model disadvantages, by how much, and how sure one can be."""
