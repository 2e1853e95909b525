"""The engine that a use case asks for, by one line of configuration."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.engines import EngineParams, open_engine
from tasks.engines.cluster import DaskCluster
from tasks.engines.local import OneProcess, Processes
from tasks.errors import ConfigError
from tasks.settings import Settings
from tests.dask_cluster import make_certificates

NO_SETTINGS = Settings.from_environment({})


def params(**engine: Any) -> EngineParams:
    return EngineParams.model_validate(engine)


def test_a_use_case_that_says_nothing_computes_in_one_process() -> None:
    assert isinstance(open_engine(EngineParams(), NO_SETTINGS), OneProcess)


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ({"kind": "one_process"}, OneProcess),
        ({"kind": "processes", "workers": 2}, Processes),
        ({"kind": "dask", "address": "tcp://127.0.0.1:8786"}, DaskCluster),
        ({"kind": "dask", "address": "tcp://localhost:8786"}, DaskCluster),
        ({"kind": "dask", "address": "tcp://[::1]:8786"}, DaskCluster),
    ],
)
def test_an_engine_is_opened_by_its_kind(engine: dict[str, Any], kind: type) -> None:
    assert isinstance(open_engine(params(**engine), NO_SETTINGS), kind)


@pytest.mark.parametrize(
    "engine",
    [
        {"kind": "threads", "workers": 2},
        {"kind": "processes"},
        {"kind": "processes", "workers": 0},
        {"kind": "processes", "workers": 257},
        {"kind": "dask", "address": ""},
        {"kind": "dask", "address": "tls://h:1", "checked_ratio": 1.1},
        {"kind": "one_process", "workers": 2},
    ],
)
def test_what_makes_no_sense_is_refused(engine: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        params(**engine)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.1:8786",
        "tcp://localhost.example.org:1",
        "tcp://127.0.0.1.example.org:1",
        "ucx://127.0.0.1:1",
        "ws://10.0.0.1:1",
        "scheduler:8786",
        "x",
    ],
)
def test_a_cluster_on_another_machine_needs_tls(address: str) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        open_engine(params(kind="dask", address=address), NO_SETTINGS)


@pytest.mark.parametrize(
    "variable", ["PORTCULLIS_DASK_CA", "PORTCULLIS_DASK_CERT", "PORTCULLIS_DASK_KEY"]
)
@pytest.mark.parametrize("path", ["", "/no/such/file.pem", "relative.pem"])
def test_a_cluster_under_tls_needs_every_certificate(
    variable: str, path: str, tmp_path: Path
) -> None:
    cluster = params(kind="dask", address="tls://scheduler.example.org:8786")
    environment = make_certificates(tmp_path).environment
    open_engine(cluster, Settings.from_environment(environment))

    with pytest.raises(ConfigError, match=variable):
        open_engine(cluster, Settings.from_environment(environment | {variable: path}))
