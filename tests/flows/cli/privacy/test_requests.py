"""`requests`: tables and a page of what is due; its exit code says whether something is late."""

import json
from datetime import date
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tests.flows.cli.privacy.running import run
from tests.tasks.erasure.small_installation import SmallInstallation, email


def test_without_requests_it_prints_where_the_page_lies(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "requests") == 0

    output = capsys.readouterr().out
    assert str(small_installation.home / "requests") in output
    assert "Requests: none\nModels to be trained again: none\nLegal holds: none\n" in output


def test_as_json_it_has_every_request_with_its_term(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    (request,) = small_installation.erase(1).requests

    assert run(small_installation, "requests", "--json") == 0

    values = json.loads(capsys.readouterr().out)
    (shown,) = values["requests"]
    assert shown["request"] == request.request_id
    assert shown["state"] == "erased"
    assert shown["termEnds"] > shown["received"]
    assert values["overdue"] == []
    assert Path(values["page"]).is_file()


def test_requests_are_a_table(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (request,) = small_installation.erase(1).requests

    run(small_installation, "requests")

    output = capsys.readouterr().out
    assert "Requests" in output
    assert request.request_id in output
    assert "erased 2026-11-24" in output


def test_a_request_within_its_term_is_no_failure(small_installation: SmallInstallation) -> None:
    small_installation.erase(1, received=date(2026, 11, 1), later=True)

    assert run(small_installation, "requests") == 0


def test_a_request_past_its_term_is_one(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.erase(1, received=date(2026, 10, 20), later=True)

    assert run(small_installation, "requests") == 2

    assert email(1) not in capsys.readouterr().out


def test_the_page_goes_where_it_is_wanted(
    small_installation: SmallInstallation, tmp_path: Path
) -> None:
    run(small_installation, "requests", "--out", str(tmp_path / "page"))
    run(small_installation, "requests")

    assert any((tmp_path / "page").iterdir())
    assert any((small_installation.home / "requests").iterdir())


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_page_that_cannot_be_written_is_one_line(
    small_installation: SmallInstallation, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "page").touch()
    with pytest.raises(ConfigError, match="expected a folder that can be written to"):
        run(small_installation, "requests", "--out", str(tmp_path / "page"), *more)


def test_piped_nothing_is_cut_or_broken_into_lines(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    (request,) = small_installation.erase(1).requests

    run(small_installation, "requests")

    (line,) = [line for line in capsys.readouterr().out.splitlines() if request.request_id in line]
    assert "erased 2026-11-24" in line
