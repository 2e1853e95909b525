"""Where texts are masked: in this process, in several, or on a Dask cluster.

One line of configuration says which; what comes out is the same, row by row.

May import: `tasks.errors`, `tasks.config`, `tasks.system`, `tasks.redaction`,
`tasks.redaction.columns`, `tasks.redaction.linking`.
"""

from tasks.redaction.engines.opening import open_engine

__all__ = ["open_engine"]
