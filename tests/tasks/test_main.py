"""The worker: what it withholds from a stage's process, and that an unsigned stage has failed."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tasks import __main__ as worker
from tasks.clearance import attest_stage
from tasks.errors import EvidenceError

SECRETS = {
    "PORTCULLIS_SIGNING_TOKEN": "t",
    "PORTCULLIS_SIGNING_VAULT_ADDR": "a",
    "PORTCULLIS_SIGNING_HOME": "h",
    "PORTCULLIS_LEDGER_URL": "postgresql://writer:w@db/ledger",
}


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """What the stage's process was started with; it ends well at once."""
    started: dict[Any, Any] = {}

    def spawn(path: str, command: list[str], environment: dict[str, str], **_: list[Any]) -> int:
        started.update(command=command, environment=environment)
        child = os.fork()
        if child == 0:
            os._exit(started.get("code", 0))
        return child

    monkeypatch.setattr("os.posix_spawn", spawn)
    monkeypatch.setattr(attest_stage, "look", lambda *_: "before")
    monkeypatch.setattr(attest_stage, "observe", lambda *_: "observed")
    return started


def test_a_stage_refuses_to_run_with_other_code_than_that_of_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    monkeypatch.setattr(attest_stage, "look", lambda *_: pytest.fail("it was begun"))
    assert worker.main(["admit", "tiny"]) == 2
    assert (
        f"expected the code of the checkout that it is started in, {tmp_path}; found that of"
        in capsys.readouterr().err
    )


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_stage_s_process_gets_no_credentials_and_reads_the_ledger_as_a_reader(
    spawned: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attest_stage, "attest", lambda *_: ())
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTCULLIS_LEDGER_READ_URL", "postgresql://reader@db/ledger")
    assert worker.main(["admit", "tiny"]) == 0
    environment = spawned["environment"]
    assert environment["PORTCULLIS_LEDGER_URL"] == "postgresql://reader@db/ledger"
    assert not set(environment) & (set(SECRETS) - {"PORTCULLIS_LEDGER_URL"})
    assert spawned["command"][1:] == ["-m", "tasks.stages.process", "admit", "tiny"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("code", [0, 2, 3, 4])
def test_a_stage_that_ended_well_but_was_not_signed_for_has_failed(
    spawned: dict[Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
) -> None:
    def refuse(observed: str, counts: dict[Any, Any], exit_code: int) -> None:
        assert exit_code == code
        raise EvidenceError("ledger", expected="a whole one", found="a fork", remedy="Find out.")

    spawned["code"] = code
    monkeypatch.setattr(attest_stage, "attest", refuse)
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    assert worker.main(["admit", "tiny"]) == (code or 2)
    assert ("found a fork" in capfd.readouterr().err) == (code == 0)


def counts_in(report: bytes) -> dict[str, int]:
    """Return what the worker reads where a stage reports this."""
    reports, pipe = os.pipe()
    os.write(pipe, report)
    os.close(pipe)
    return worker._read_counts(reports)


@pytest.mark.parametrize(
    "report", [b"", b"nonsense", b"[1]", b'{"unsealed":-1}', b'{"unsealed":true}', b'{"other":1}']
)
def test_what_is_no_count_is_left_out_of_a_stage_s_report(report: bytes) -> None:
    assert counts_in(report) == {}


def test_two_counts_are_read_from_a_stage_s_report_and_nothing_else() -> None:
    report = b'{"unsealed":7,"shredded":0,"more":"x"}'
    assert counts_in(report) == {"unsealed": 7, "shredded": 0}


@pytest.mark.parametrize(
    "arguments", [[], ["admit"], ["admit", "tiny", "more"], ["no_such_stage", "tiny"]]
)
def test_other_arguments_print_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main(arguments) == 2
    assert "usage: python -m tasks <stage> <use case>" in capsys.readouterr().err


def test_a_stage_that_a_signal_ended_has_the_exit_code_of_a_shell() -> None:
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    os.kill(child, signal.SIGTERM)
    assert worker._wait_for(child) == 128 + signal.SIGTERM
