"""Open the engine that a use case asks for."""

from tasks.engines.local import OneProcess, Processes
from tasks.engines.mapping import Engine
from tasks.engines.params import EngineParams, OnDask, OnProcesses
from tasks.settings import Settings


def open_engine(params: EngineParams, settings: Settings) -> Engine:
    """Return the engine that the section `engine:` names.

    Raises:
        ConfigError: Its Dask cluster is on another machine and not under TLS, or it is, and no
            certificates are set.
    """
    match params.root:
        case OnDask() as cluster:
            # Late: `distributed` is no requirement, and takes long to import.
            from tasks.engines.cluster import DaskCluster

            return DaskCluster(cluster.address, cluster.checked_ratio, settings)
        case OnProcesses(workers=workers):
            return Processes(workers)
        case _:
            return OneProcess()
