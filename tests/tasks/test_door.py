"""The worker: what it keeps from a stage's own process, and that a stage that nobody signed for has failed."""

import os
from pathlib import Path
from typing import Any

import pytest

from tasks import __main__ as door
from tasks.clearance import attest_stage as attesting
from tasks.errors import EvidenceError

SECRETS = {
    "PORTCULLIS_SIGNING_TOKEN": "t", "PORTCULLIS_SIGNING_VAULT_ADDR": "a", "PORTCULLIS_SIGNING_HOME": "h",
    "PORTCULLIS_LEDGER_URL": "postgresql://writer:w@db/ledger",
}  # fmt: skip


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """What the stage's process was started with; it ends well at once."""
    found: dict[str, Any] = {}

    def spawn(path: str, command: list[str], environment: dict[str, str], **_: list[Any]) -> int:
        found.update(command=command, environment=environment)
        child = os.fork()
        if child == 0:
            os._exit(found.get("code", 0))
        return child

    monkeypatch.setattr("os.posix_spawn", spawn)
    monkeypatch.setattr(attesting, "look", lambda *_: "before")
    monkeypatch.setattr(attesting, "observe", lambda *_: "seen")
    return found


def test_a_stage_refuses_to_run_with_other_code_than_that_of_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    monkeypatch.setattr(attesting, "look", lambda *_: pytest.fail("it was begun"))
    assert door.main(["admit", "tiny"]) == 2
    assert (
        f"expected the code of the checkout that it is started in, {tmp_path}; found that of"
        in capsys.readouterr().err
    )


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_stage_s_process_gets_no_credentials_and_reads_the_ledger_as_a_reader(
    spawned: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attesting, "attest", lambda *_: ())
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTCULLIS_LEDGER_READ_URL", "postgresql://reader@db/ledger")
    assert door.main(["admit", "tiny"]) == 0
    given = spawned["environment"]
    assert given["PORTCULLIS_LEDGER_URL"] == "postgresql://reader@db/ledger"
    assert not set(given) & (set(SECRETS) - {"PORTCULLIS_LEDGER_URL"})
    assert spawned["command"][1:] == ["-m", "tasks.stages.process", "admit", "tiny"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("code", [0, 2, 3, 4])
def test_a_stage_that_ended_well_but_was_not_signed_for_has_failed(
    spawned: dict[Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
) -> None:
    def refuse(seen: str, claimed: dict[Any, Any], ended: int) -> None:
        assert ended == code
        raise EvidenceError("ledger", expected="a whole one", found="a fork", remedy="Find out.")

    spawned["code"] = code
    monkeypatch.setattr(attesting, "attest", refuse)
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    assert door.main(["admit", "tiny"]) == (code or 2)
    assert ("found a fork" in capfd.readouterr().err) == (code == 0)


@pytest.mark.parametrize(
    "said", [b"", b"nonsense", b"[1]", b'{"unsealed":-1}', b'{"unsealed":true}', b'{"other":1}']
)
def test_what_a_stage_claims_is_two_counts_or_nothing(said: bytes) -> None:
    reports, pipe = os.pipe()
    os.write(pipe, said)
    os.close(pipe)
    assert door._claimed(reports) == {}
    reports, pipe = os.pipe()
    os.write(pipe, b'{"unsealed":7,"shredded":0,"more":"x"}')
    os.close(pipe)
    assert door._claimed(reports) == {"unsealed": 7, "shredded": 0}
