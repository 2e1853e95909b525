"""Retention: the longest period counts, a hold stops a prune, and proofs of what remains hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli.proof import prune as command
from tasks.attestation import roles
from tasks.attestation.artefacts import artefact
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import PROVENANCE
from tasks.attestation.statement import Artefact
from tasks.clearance.retention import (
    DAY,
    KINDS,
    PATH,
    UNKNOWN_DAY,
    hold,
    holds,
    is_spared,
    load_rules,
    plan,
    prune,
    when,
)
from tasks.errors import ConfigError, EvidenceError
from tasks.ledger.merkle import verify_inclusion
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.verifier.statement_index import Signed, verified
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE, CHECKOUT

RULES = load_rules(CHECKOUT)


def read(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def last_time(root: Path) -> int:
    return max(time for time in map(when, signed_entries(read(root))) if time < UNKNOWN_DAY)


def signed_entries(log: Log) -> list[Signed[Predicate]]:
    return [verified(entry, log.keys) for entry in log.entries]


def test_nothing_goes_before_its_time_and_all_but_keys_after_the_longest_period(
    signed: Path,
) -> None:
    log, made = read(signed), last_time(signed)
    early = plan(log, RULES, made + 2192 * DAY)
    assert early.envelopes == 0
    assert "kept until" in early.because
    late = plan(log, RULES, made + 3654 * DAY)
    assert (late.below, late.because) == (log.head.size, "the end of the log")
    assert late.envelopes == sum(not is_spared(signed) for signed in signed_entries(log))


def test_a_hold_stops_it_until_it_is_released(signed: Path) -> None:
    now = last_time(signed) + 4000 * DAY
    with open_notary(installation_at(signed)) as notary:
        notary.record(hold("case-4", f"{CASE}/train/", "a court asked"))
    assert holds(read(signed)) == {"case-4": f"{CASE}/train/"}
    held = plan(read(signed), RULES, now)
    assert "under legal hold `case-4`" in held.because
    (train, *_) = read(signed).statements(Provenance, f"{CASE}/train/model")
    assert held.below == train.index
    with open_notary(installation_at(signed)) as notary:
        notary.record(hold("case-4", "", "settled", is_released=True))
    assert plan(read(signed), RULES, now).because == "the end of the log"


def test_pruned_envelopes_may_be_missing_and_proofs_still_hold(signed: Path) -> None:
    log = read(signed)
    below = 12
    with open_notary(installation_at(signed)) as notary:
        (signed / PATH).parent.mkdir()
        (signed / PATH).write_text((CHECKOUT / PATH).read_text())
        notary.record(prune(below, 1, artefact(signed, PATH.as_posix())))
        for entry in log.entries[:below]:
            if not is_spared(verified(entry, log.keys)):
                notary.ledger.store.drop_body(bytes.fromhex(entry.envelope_sha256))
    after = read(signed)
    assert after.pruned_below == below
    assert len(after.entries) < after.head.size
    for entry in after.entries:
        verified(entry, after.keys)
    ledger = open_ledger(installation_at(signed))
    for index in (3, 20):
        leaf = ledger.tiles.record(index).leaf()
        assert verify_inclusion(
            leaf,
            index,
            after.head.size,
            ledger.inclusion(index, after.head.size),
            after.head.root_hash,
        )
    digest = ledger.tiles.record(below).envelope_sha256
    ledger.store.drop_body(digest)
    ledger.close()
    with pytest.raises(Exception, match=f"ledger entry {below}: expected its envelope"):
        read(signed)


def test_every_kind_of_statement_that_a_role_may_make_is_kept_for_some_time() -> None:
    assert set(KINDS) == {PROVENANCE, *roles.KINDS}


def test_the_shipped_table_has_a_row_for_every_kind_and_says_where_it_comes_from() -> None:
    assert {rule.kind for rule in RULES} == set(KINDS.values())
    assert all(rule.source for rule in RULES)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(),
        lambda rows: rows[0].pop("keep_days"),
        lambda rows: rows[0].update(keep_days=0),
        lambda rows: rows[0].update(keep_days=True),
        lambda rows: rows[0].update(keep_days="long"),
        lambda rows: rows.clear(),
    ],
)
def test_a_table_with_a_hole_in_it_is_refused(tmp_path: Path, change: Callable[..., Any]) -> None:
    values = yaml.safe_load((CHECKOUT / PATH).read_text())
    change(values["retention"])
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=r"retention\.yaml"):
        load_rules(tmp_path)


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no default"):
        load_rules(tmp_path)


def run_prune(monkeypatch: pytest.MonkeyPatch, root: Path, now: int, *arguments: str) -> int:
    monkeypatch.chdir(root)
    monkeypatch.setattr("time.time", lambda: now)
    return run(command, installation_at(root), *arguments)


def test_a_hold_that_is_placed_meanwhile_keeps_what_it_holds(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (signed / PATH).parent.mkdir()
    (signed / PATH).write_text((CHECKOUT / PATH).read_text())
    now, before = last_time(signed) + 3654 * DAY, len(read(signed).entries)

    def place_hold(workspace: Path, name: str) -> Artefact:
        with open_notary(installation_at(signed)) as notary:
            notary.record(hold("case-4", f"{CASE}/fairness", "court"))
        return artefact(workspace, name)

    monkeypatch.setattr(command, "artefact", place_hold)
    with pytest.raises(EvidenceError, match="Nothing was removed"):
        run_prune(monkeypatch, signed, now, "--yes")

    after = read(signed)
    assert len(after.entries) > before
    assert after.statements(Provenance, f"{CASE}/fairness/verdict.json")


def test_an_envelope_that_a_later_entry_has_as_well_is_kept(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (signed / PATH).parent.mkdir()
    (signed / PATH).write_text((CHECKOUT / PATH).read_text())
    now = last_time(signed) + 3654 * DAY
    (twice, *_) = read(signed).statements(Provenance, f"{CASE}/admit/sources.json")
    (entry,) = [entry for entry in read(signed).entries if entry.index == twice.index]
    with open_notary(installation_at(signed)) as notary:
        notary.record(hold("case-4", f"{CASE}/fairness", "court"))
        (again,) = notary.append_signed([entry.envelope])

    assert run_prune(monkeypatch, signed, now, "--yes") == 0
    after = read(signed)
    assert twice.index < after.pruned_below <= again.index
    assert [entry.index for entry in after.entries if entry.index == again.index]


def test_the_command_says_first_and_prunes_when_told(
    signed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (signed / PATH).parent.mkdir()
    (signed / PATH).write_text((CHECKOUT / PATH).read_text())
    now, before = last_time(signed) + 3654 * DAY, len(read(signed).entries)
    assert run_prune(monkeypatch, signed, now) == 0
    assert "may go; it stops at the end of the log" in capsys.readouterr().out
    assert len(read(signed).entries) == before
    assert (
        run_prune(
            monkeypatch,
            signed,
            now,
            "--hold",
            "case-4",
            "--subjects",
            f"{CASE}/fairness",
            "--reason",
            "x",
        )
        == 0
    )
    assert run_prune(monkeypatch, signed, now, "--yes") == 0
    after = read(signed)
    assert 0 < after.pruned_below < after.head.size
    assert after.statements(Provenance, f"{CASE}/fairness/verdict.json")
    below = [one for one in signed_entries(after) if one.index < after.pruned_below]
    assert below
    assert all(map(is_spared, below))
    with pytest.raises(ConfigError, match="--reason"):
        run_prune(monkeypatch, signed, now, "--release", "case-4")
