"""`verify` of a use case: its four answers, by this installation's ledger and pin."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli.proof import verify
from tasks.errors import ConfigError
from tasks.notary.notary import open_ledger, open_notary, open_pin, trusted_root
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.lineage import examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.clearance.test_clearing_by_law import drafted, put_in_force
from tests.tasks.judged import (
    CASE,
    CATALOGUES,
    attested,
    check,
    judged,
    observed,
    present,
    put_verdict,
    sign_for,
)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout whose model was cleared for registration."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    # What a drill ran clears nothing.
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    # What the answer rests on is the ledger; that the use case is one is tried elsewhere.
    monkeypatch.setattr(verify, "load_case", lambda *_: None)
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    attested(root)
    register(root)
    return installation_at(root)


def register(root: Path) -> None:
    (root / "data" / CASE / "register").mkdir(exist_ok=True)
    (root / "data" / CASE / "register" / "receipt.json").write_text("{}")
    sign_for(root, "register")


def fail_fairness(installation: Installation) -> None:
    """Sign for a verdict that came after the model was cleared."""
    put_verdict(
        installation.workspace,
        "fairness",
        checks=tuple(check(name, 0.1) for name in CATALOGUES["fairness"]),
    )
    sign_for(installation.workspace, "fairness")


def test_a_cleared_model_exits_with_0(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(verify, installation, CASE) == 0
    *_, sentence = capsys.readouterr().out.splitlines()
    assert sentence == f"{CASE}: every link holds, and it was cleared for registration"


def test_a_later_failed_verdict_exits_with_3_and_is_never_beside_cleared(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_fairness(installation)
    assert run(verify, installation, CASE) == 3
    output = capsys.readouterr().out
    assert "every link holds; NOT CLEARED: fairness: FAILED" in output
    assert "was cleared" not in output


def test_nothing_in_force_is_said_in_a_line(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(verify, installation, CASE) == 0
    assert "no in-force entry" in capsys.readouterr().out


def test_a_decision_against_what_is_in_force_exits_with_3(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    root = installation.workspace
    put_in_force(root, drafted(root))
    register(root)
    assert run(verify, installation, CASE) == 0
    capsys.readouterr()

    # A permissive policy that a later decision names, though another is in force.
    with open_notary(installation) as notary:
        notary.begin()
        log = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
        (model,) = (item for item in observed(root, "register").materials if "model" in item.name)
        decision = present(latest_decision(examine(log, CASE, model.sha256), "register"))
        notary.record(replace(decision.predicate, policy_sha256="a" * 64).about(model))
    assert run(verify, installation, CASE) == 3
    output = capsys.readouterr().out
    assert "NOT CLEARED: register: this decision: by policy aaaaaaaaaaaa…" in output


def test_a_missing_pin_exits_with_5(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    open_pin(installation).path.unlink()
    assert run(verify, installation, CASE) == 5
    assert f"{CASE}: NOT ESTABLISHED (unpinned)" in capsys.readouterr().out
    assert not open_pin(installation).is_set()


def test_a_missing_pin_can_be_overlooked_and_is_still_said(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    open_pin(installation).path.unlink()
    assert run(verify, installation, CASE, "--unpinned") == 0
    assert "NOT ESTABLISHED, as was asked for: unpinned" in capsys.readouterr().out


def test_an_edited_ledger_exits_with_6(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = open_ledger(installation)
    with ledger.store.appending():
        ledger.store.drop_body(ledger.tiles.record(3).envelope_sha256)
    ledger.close()
    assert run(verify, installation, CASE) == 6
    assert f"{CASE}: DOES NOT VERIFY: ledger entry 3" in capsys.readouterr().err


def test_a_database_that_was_deleted_exits_with_6(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in installation.home.glob("ledger.db*"):
        path.unlink()
    assert run(verify, installation, CASE) == 6
    assert "no log at all" in capsys.readouterr().err


def test_another_root_key_exits_with_6(installation: Installation) -> None:
    assert run(verify, installation, CASE, "--root", "0" * 64) == 6


def test_an_empty_root_is_refused(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="root key: expected its id"):
        run(verify, installation, CASE, "--root", "")


def test_a_witness_s_key_goes_with_a_bundle(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="--witness-key: expected a bundle"):
        run(verify, installation, CASE, "--witness-key", "w+00+AA==")


def test_the_answer_as_json(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    fail_fairness(installation)
    assert run(verify, installation, CASE, "--json") == 3
    values = json.loads(capsys.readouterr().out)
    assert (values["answer"], values["exitCode"], values["chain"]) == ("refused", 3, "holds")
    assert values["clearance"] == "does not hold"
    assert (values["pinned"], values["complete"]) == (True, True)
    assert {reason["kind"] for reason in values["reasons"]} == {"verdict.not_passed"}


def test_reading_moves_the_pin(installation: Installation) -> None:
    pin = open_pin(installation)
    older = pin.path.read_text(encoding="utf-8")
    fail_fairness(installation)
    pin.set_anew(older)
    run(verify, installation, CASE)
    assert pin.path.read_text(encoding="utf-8") != older
