"""Measure how groups are treated, and how sure one can be of it.

`counts` reduces decisions to counts per group, `intervals` has the intervals of proportions and of
what is made of two, and `estimates` every measure of a group with its interval. Judges nothing.

May import: `tasks.errors`, `tasks.formats`.
"""
