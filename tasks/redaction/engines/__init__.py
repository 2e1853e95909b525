"""Where texts are masked: in this process, in several, or on a Dask cluster; by one line of configuration."""

from tasks.redaction.engines.opening import open_engine

__all__ = ["open_engine"]
