"""The model registry (MLflow), from the client's side: imported by the worker when a gate is open.

`packing` makes a model folder into one that loads anywhere, `describing` says what it is, `stored`
compares what the registry gives back with what was judged, and `client` publishes.

May import: `tasks.errors`, `tasks.model`, `tasks.formats`, `tasks.system`, `tasks.plain_text`.
"""

from tasks.registry.client import Publication, Published, Receipt, publish

__all__ = ["Publication", "Published", "Receipt", "publish"]
