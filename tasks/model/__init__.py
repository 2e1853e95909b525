"""A trained model in memory: what `train` writes, and `explain` and `register` read."""

from tasks.model.scorer import Input, Scorer

__all__ = ["Input", "Scorer"]
