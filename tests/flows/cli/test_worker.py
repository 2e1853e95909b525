"""`./portcullis worker` serves by the administrator's file, until the service ends."""

from pathlib import Path

import pytest

from flows.cli import worker
from flows.cli.worker import CONFIG
from tests.flows.cli.running import parse, run
from tests.installations import installation_at


def test_without_an_argument_the_file_is_the_system_s() -> None:
    assert parse(worker)["config"] == CONFIG
    assert CONFIG.is_absolute()


def test_another_file_is_a_path(tmp_path: Path) -> None:
    assert (
        parse(worker, "--config", str(tmp_path / "worker.toml"))["config"]
        == tmp_path / "worker.toml"
    )


def test_it_serves_by_that_file_and_ends_well_where_the_service_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Path] = []
    monkeypatch.setattr("tasks.service.daemon.serve", served.append)

    config = tmp_path / "worker.toml"
    assert run(worker, installation_at(tmp_path), "--config", config) == 0
    assert served == [tmp_path / "worker.toml"]


def test_it_serves_nobody_without_root_s_privileges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.errors import ConfigError

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="expected to be started by root"):
        run(worker, installation_at(tmp_path), "--config", tmp_path / "worker.toml")
