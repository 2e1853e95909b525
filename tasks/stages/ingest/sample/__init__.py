"""Invented people around real rows: for the reference case, for tests and for benchmarks at any size."""

from tasks.stages.ingest.sample.parts import generate

__all__ = ["generate"]
