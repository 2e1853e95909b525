"""Open the engine that a use case asks for."""

from tasks.redaction.engines.redacting import Engine
from tasks.redaction.params import OnDask, OnProcesses, RedactParams


def open_engine(params: RedactParams, trial: list[str]) -> Engine:
    """Return the engine of `params.engine`.

    `trial` are texts of the data on which its finders prove themselves.

    Raises:
        ConfigError: Its Dask cluster is on another machine and not under TLS.
    """
    if isinstance(params.engine, OnDask):
        from tasks.redaction.engines.cluster import DaskCluster

        return DaskCluster(params, trial, params.engine.address)

    from tasks.redaction.engines.local import OneProcess, Processes

    if isinstance(params.engine, OnProcesses):
        return Processes(params, trial, params.engine.workers)
    return OneProcess(params, trial)
