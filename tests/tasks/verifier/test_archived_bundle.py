"""A bundle that an earlier version wrote, with a statement of every kind, reads as it did then.

`archived_bundle.json` holds its files as text. It was written before predicates were classes and
before checks and refusals had ids, so that it stands for every ledger that exists.
"""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import read_envelope
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.reading import READERS, read_predicate
from tasks.attestation.roles import (
    AGREEMENTS,
    ALIAS_MOVE,
    ANSWER,
    IN_FORCE,
    KEY_STORE,
    PROMOTION,
    PROMOTION_APPROVAL,
    SUITE_RUN,
)
from tasks.attestation.statement import Statement, read_statement
from tasks.errors import EvidenceError
from tasks.formats.archives import archive
from tasks.formats.canonical_json import canonical
from tasks.verifier.bundle import Verified, verify_bundle
from tasks.verifier.lineage import GATES_BEFORE_PLANS, latest_decision
from tests.tasks.predicate_samples import SAMPLES

ARCHIVED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "archived_bundle.json").read_text(encoding="utf-8")
)

# Types that there were not when it was written.
LATER = {
    AGREEMENTS,
    ALIAS_MOVE,
    ANSWER,
    IN_FORCE,
    KEY_STORE,
    PROMOTION,
    PROMOTION_APPROVAL,
    SUITE_RUN,
}


def statements() -> list[Statement]:
    bodies = (
        (name, text.encode())
        for name, text in ARCHIVED["files"].items()
        if name.startswith("statements/")
    )
    return [read_statement(read_envelope(body, name).payload, name) for name, body in bodies]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    path = tmp_path_factory.mktemp("archived") / "bundle.zip"
    path.write_bytes(archive({name: text.encode() for name, text in ARCHIVED["files"].items()}))
    return verify_bundle(path, ARCHIVED["root"])


def test_it_verifies_to_the_byte_of_its_report(bundle: Verified) -> None:
    assert bundle.chain.broken == ()
    # Gates that were added later had nothing to say about it, and nobody misses them.
    assert set(bundle.chain.verdicts) == GATES_BEFORE_PLANS
    assert bundle.decision is not None


def test_its_model_was_cleared_by_register_and_not_by_decide(bundle: Verified) -> None:
    registered = latest_decision(bundle.chain, "register")
    decided = latest_decision(bundle.chain, "decide")
    assert registered is not None
    assert registered.predicate.has_passed
    assert decided is not None
    assert str(decided.predicate.refusals[0]) == "fairness: undecided, entry 35"


def test_it_holds_a_statement_of_every_type() -> None:
    types = {statement.predicate_type for statement in statements()}
    assert types == set(READERS) - LATER


def test_it_holds_a_predicate_of_every_class() -> None:
    classes = {type(read_predicate(statement, "here")) for statement in statements()}
    earlier = {type(item) for item in SAMPLES.values() if item.TYPE not in LATER}
    assert classes == earlier


@pytest.mark.parametrize("index", range(len(statements())))
def test_each_predicate_is_written_as_it_was_read(index: int) -> None:
    statement = statements()[index]
    predicate = read_predicate(statement, "here")
    assert canonical(predicate.to_dict()) == canonical(statement.predicate)
    assert predicate.about(*statement.subjects).to_bytes() == statement.to_bytes()


def test_its_verdicts_name_their_checks_by_text(bundle: Verified) -> None:
    with pytest.raises(EvidenceError, match="each of its checks with an id"):
        bundle.chain.verdicts["train"].checks()


def test_nothing_in_it_names_a_path_of_the_machine_that_wrote_it() -> None:
    for name, text in ARCHIVED["files"].items():
        if name.startswith("statements/"):
            assert b"/home/" not in base64.b64decode(json.loads(text)["payload"])


def test_each_kind_that_can_be_written_twice_is_there_in_both_forms() -> None:
    counts = Counter(type(read_predicate(statement, "here")).__name__ for statement in statements())
    two_forms: tuple[type[Predicate], ...] = (
        type(SAMPLES["key addition"]),
        type(SAMPLES["key revocation"]),
        type(SAMPLES["erasure receipt"]),
        type(SAMPLES["erasure completion"]),
    )
    assert all(counts[kind.__name__] for kind in two_forms)
