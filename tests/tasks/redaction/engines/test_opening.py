"""The engine that a use case asks for, by one line of configuration."""

from typing import Any

import pytest

from tasks.errors import ConfigError
from tasks.redaction.engines.cluster import DaskCluster
from tasks.redaction.engines.local import OneProcess, Processes
from tasks.redaction.engines.opening import open_engine
from tasks.redaction.params import RedactParams


def params(**engine: Any) -> RedactParams:
    values: dict[str, Any] = {"language": "en", "model": "m", "min_score": 0, "dates": "year"}
    return RedactParams.model_validate(
        {**values, "tokenised": (), "chunk_rows": 1, "engine": engine}
    )


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ({"kind": "one_process"}, OneProcess),
        ({"kind": "processes", "workers": 2}, Processes),
        ({"kind": "dask", "address": "tls://scheduler.example.org:8786"}, DaskCluster),
        ({"kind": "dask", "address": "tcp://127.0.0.1:8786"}, DaskCluster),
        ({"kind": "dask", "address": "tcp://[::1]:8786"}, DaskCluster),
    ],
)
def test_an_engine_is_opened_by_its_kind(engine: dict[str, Any], kind: type) -> None:
    assert isinstance(open_engine(params(**engine), []), kind)


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "tcp://localhost.example.org:1", "scheduler:8786", "x"]
)
def test_a_cluster_on_another_machine_needs_tls(address: str) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        open_engine(params(kind="dask", address=address), [])
