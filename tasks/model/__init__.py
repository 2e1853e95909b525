"""A trained model in memory: what `train` writes, and `explain` and `register` read."""

from tasks.model.refits import load_refits, save_refits
from tasks.model.scorer import Input, Scorer

__all__ = ["Input", "Scorer", "load_refits", "save_refits"]
