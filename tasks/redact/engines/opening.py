"""Open the engine that a use case asks for."""

from tasks.redact.params import OnDask, OnProcesses, RedactParams
from tasks.redact.redacting import Engine


def open_engine(params: RedactParams, trial: list[str]) -> Engine:
    """Return the engine of `params.engine`; `trial` are texts of the data on which its finders prove themselves."""
    if isinstance(params.engine, OnDask):
        from tasks.redact.engines.cluster import DaskCluster

        return DaskCluster(params, trial, params.engine.address)
    from tasks.redact.engines.local import OneProcess, Processes

    if isinstance(params.engine, OnProcesses):
        return Processes(params, trial, params.engine.workers)
    return OneProcess(params, trial)
