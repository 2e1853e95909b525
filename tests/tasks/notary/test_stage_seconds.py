"""What the runs took that made what lies here: by digest, and only where the times can be read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.predicates.provenance import Provenance
from tasks.notary.attempts import note_attempts
from tasks.notary.notary import open_ledger, trusted_root
from tasks.notary.stage_seconds import seconds_by_stage
from tasks.path import STAGES
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log, Selection, read_log
from tests.attacks.judging import model_of
from tests.installations import installation_at
from tests.tasks.judged import CASE


def read(workspace: Path) -> tuple[Log, Chain]:
    here = installation_at(workspace)
    ledger = open_ledger(here)
    try:
        log = read_log(ledger, trusted_root(here), Selection.of_case(CASE))
    finally:
        ledger.close()
    return log, examine(log, CASE, model_of(workspace))


class TimedLog:
    """The log, with times of a stage's runs put in the place of those that were signed."""

    def __init__(self, log: Log, stage: str, **times: Any) -> None:
        self._log = log
        self._stage = stage
        self._times = times

    def statements(self, kind: type[Provenance]) -> tuple[Any, ...]:
        return tuple(
            signed
            if signed.predicate.run.stage != self._stage
            else replace(
                signed,
                predicate=replace(
                    signed.predicate, run=replace(signed.predicate.run, **self._times)
                ),
            )
            for signed in self._log.statements(kind)
        )


def test_every_stage_that_was_signed_for_is_told(signed: Path) -> None:
    seconds = note_attempts(CASE, model_of(signed), installation_at(signed)).made_seconds
    # The toy's outputs are signed for without running: in no time.
    assert set(seconds) >= {"ingest", "redact", "validate", "train", "explain", "fairness"}
    assert set(seconds) <= set(STAGES)
    assert set(seconds.values()) <= set(range(60))


def test_seconds_are_from_the_signed_beginning_to_the_signed_end(signed: Path) -> None:
    log, chain = read(signed)
    times = {"started": "2026-11-28T10:00:00Z", "finished": "2026-11-28T10:01:15Z"}
    assert seconds_by_stage(TimedLog(log, "train", **times), chain)["train"] == 75  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("started", "finished"),
    [
        ("2026-11-28T10:01:15Z", "2026-11-28T10:00:00Z"),  # the clock was set back
        ("", "2026-11-28T10:00:00Z"),
        ("2026-11-28T10:00:00", "2026-11-28T10:01:15Z"),
    ],
)
def test_times_that_tell_nothing_are_left_out(signed: Path, started: str, finished: str) -> None:
    log, chain = read(signed)
    timed = TimedLog(log, "train", started=started, finished=finished)
    seconds = seconds_by_stage(timed, chain)  # type: ignore[arg-type]
    assert "train" not in seconds
    assert "redact" in seconds


class OtherBytes:
    """A chain of artefacts of the same names, and of other bytes."""

    case = CASE

    def __init__(self, chain: Chain) -> None:
        self._names = tuple(chain.artefacts())

    def artefacts(self) -> dict[str, str]:
        return dict.fromkeys(self._names, "0" * 64)


def test_runs_on_other_data_are_not_told(signed: Path) -> None:
    log, chain = read(signed)
    assert seconds_by_stage(log, OtherBytes(chain)) == {}  # type: ignore[arg-type]
    assert seconds_by_stage(log, replace(chain, case="another")) == {}
    assert seconds_by_stage(log, replace(chain, steps=())) == {}
