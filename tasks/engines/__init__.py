"""Where the heavy stages compute: in this process, in several, or on a Dask cluster.

One line of configuration says which. A stage hands over a pure function of one partition and
combines the answers itself, in the partitions' order: what comes out is the same, byte by byte,
however many workers there are, and whichever of them died.

`params` is the configuration, `opening` opens what it asks for, `mapping` says what an engine is,
`local` and `cluster` are the engines; `answering` runs in a worker, `identity` is what a worker
has to be like, and `comparing` is how an answer is held against one that was computed here.

May import: `tasks.errors`, `tasks.config`, `tasks.formats`, `tasks.settings`, `tasks.system`.
"""

from tasks.engines.mapping import Engine
from tasks.engines.opening import open_engine
from tasks.engines.params import EngineParams

__all__ = ["Engine", "EngineParams", "open_engine"]
