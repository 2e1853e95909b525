"""`hold`: with a basis and a review, audited; or a key pair for a custodian."""

from pathlib import Path

import pytest

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
