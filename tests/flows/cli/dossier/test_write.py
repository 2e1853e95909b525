"""`dossier`: what it writes and prints, for programs too, and when it is not enough."""

import json
from pathlib import Path

import pytest

from flows.cli.dossier import write
from tasks.dossier.offline.checking import check_dossier
from tasks.errors import ConfigError, RefusedError
from tasks.system.installation import Installation
from tests.flows.cli.running import run
from tests.tasks.judged import CASE


def test_it_writes_the_file_of_why(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write, installation, CASE) == 0
    out = capsys.readouterr().out
    first = out.splitlines()[0]
    assert first.startswith(f"{CASE}, eu-credit: ")
    assert first.endswith("not registered: the file of why")
    assert "MISSING" in out
    folder = installation.workspace / "data" / CASE / "dossier"
    assert check_dossier(folder, None).faults == ()


def test_programs_get_a_number(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "elsewhere"
    assert run(write, installation, CASE, "--json", "--output", folder) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["readiness"] == round(values["answered"] / values["required"], 3)
    assert (folder / "index.html").is_file()


def test_what_is_not_enough_is_written_and_told(installation: Installation) -> None:
    assert run(write, installation, CASE, "--require", "1") == RefusedError.exit_code
    assert run(write, installation, CASE, "--require", "0") == 0


def test_every_profile_has_a_dossier(installation: Installation, tmp_path: Path) -> None:
    for profile in ("eu-credit", "us-credit", "hipaa", "insurance"):
        folder = tmp_path / profile
        assert run(write, installation, CASE, "--profile", profile, "--output", folder) == 0


def test_another_profile_is_refused(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="--profile"):
        run(write, installation, CASE, "--profile", "mars")
    assert not (installation.workspace / "data" / CASE / "dossier").exists()
