"""`hold`: with a basis and a review, audited; or a key pair for a custodian."""

from pathlib import Path

import pytest

from tasks.erasure.request import RequestState
from tasks.errors import ConfigError
from tasks.keystore.custodians import CUSTODIANS, read_private_key
from tests.flows.cli.privacy.running import run
from tests.tasks.erasure.small_installation import BASIS, CASE, SmallInstallation, email

ARGUMENTS = {"--subject": email(1), "--basis": BASIS, "--review": "2027-06-01"}


def arguments(**changes: str | None) -> list[str]:
    """The command's arguments; None leaves one out."""
    merged = {**ARGUMENTS, **{f"--{name}": value for name, value in changes.items()}}
    return [part for name, value in merged.items() if value is not None for part in (name, value)]


def test_a_hold_is_written_down_printed_and_audited(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "hold", CASE, *arguments()) == 0

    (hold,) = small_installation.journal.holds()
    assert (hold.basis, hold.review.isoformat()) == (BASIS, "2027-06-01")
    output = capsys.readouterr().out
    assert hold.hold_id in output
    assert email(1) not in output
    audit = "".join(path.read_text() for path in small_installation.home.glob("audit/*.jsonl"))
    assert "people:hold" in audit


def test_a_hold_on_an_address_with_a_tag_keeps_the_records_of_the_address(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.ignore_plus_tags()
    assert run(small_installation, "hold", CASE, *arguments(subject="person1+x@example.org")) == 0
    assert "Nothing is held" not in capsys.readouterr().out

    (request,) = small_installation.erase(1).requests

    assert request.state is RequestState.DEFERRED
    assert small_installation.restricted_keys(1) == 1


@pytest.mark.parametrize("released_by", ["person1+x@example.org", email(1)])
def test_such_a_hold_is_one_and_ends_by_either_spelling(
    small_installation: SmallInstallation, released_by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.ignore_plus_tags()
    run(small_installation, "hold", CASE, *arguments(subject="person1+x@example.org"))
    (request,) = small_installation.erase(1).requests
    capsys.readouterr()

    assert run(small_installation, "release_hold", CASE, "--subject", released_by) == 0

    assert capsys.readouterr().out.splitlines() == [
        "1 holds released",
        f"{request.request_id}: erased; what was kept is destroyed",
    ]
    assert all(hold.released for hold in small_installation.journal.holds())
    assert small_installation.restricted_keys(1) == 0


def test_a_hold_on_whom_nothing_is_held_of_is_placed_and_said(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "hold", CASE, *arguments(subject="person1+x@example.org")) == 0

    assert len(small_installation.journal.holds()) == 1
    assert "Nothing is held under this identifier today" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["basis", "review"])
def test_a_hold_with_a_part_missing_is_refused(
    small_installation: SmallInstallation, missing: str
) -> None:
    with pytest.raises(ConfigError, match="--basis and --review"):
        run(small_installation, "hold", CASE, *arguments(**{missing: None}))
    assert small_installation.journal.holds() == []


def test_a_hold_without_a_use_case_is_refused(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="a use case"):
        run(small_installation, "hold", *arguments())


def test_a_custodian_gets_a_private_key_and_the_checkout_the_public_one(
    small_installation: SmallInstallation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ada.pem"

    assert run(small_installation, "hold", "--new-custodian", "ada", "--out", str(path)) == 0

    assert path.stat().st_mode & 0o077 == 0
    assert read_private_key(path)
    assert "ada" in (small_installation.workspace / CUSTODIANS).read_text()
    assert str(path) in capsys.readouterr().out
