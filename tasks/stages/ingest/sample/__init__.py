"""Invent people around real rows: for the reference case, for tests and for benchmarks of any size.

Everything is drawn column by column from seeded streams, so that the same seed gives the same
people, and a larger sample begins with the smaller one's.

May import: `tasks.errors`, `tasks.config`.
"""

from tasks.stages.ingest.sample.parts import generate

__all__ = ["generate"]
