"""The model registry (MLflow), from the client's side: imported by `register` when a gate is open.

`packing` makes a model folder into one that loads anywhere, `describing` says what it is, `stored`
compares what the registry gives back with what was judged, and `client` publishes.

May import: `tasks.errors`, `tasks.model`, `tasks.formats`, `tasks.system`.
"""

from tasks.registry.client import Receipt, Release, publish

__all__ = ["Receipt", "Release", "publish"]
