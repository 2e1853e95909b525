"""The worker's own look at the agreements, and what the law in force holds against them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.attestation.agreement_review import AgreementReview, ReviewedSource
from tasks.clearance.agreements import agreement_refusals, register_sha256
from tasks.errors import RefusalKind
from tasks.formats.digests import folder_sha256
from tasks.verifier.in_force.objections import LawFacts, objections
from tasks.verifier.lineage import MODEL, examine
from tests.tasks.predicate_samples import POLICY
from tests.tasks.verifier.in_force.laws import Lawgivers, terms_of
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of, digest

CHECKOUT = Path(__file__).parents[3]
REGISTER = "1" * 64
SOURCE = ReviewedSource("rows", "ROPA-1", "controller", "Example Bank", sha256="2" * 64)


def test_a_model_is_cleared_until_the_last_day_and_not_after_it() -> None:
    def kinds_on(year: int, month: int, day: int) -> set[str]:
        now = int(datetime(year, month, day, tzinfo=UTC).timestamp())
        return {item.kind for item in agreement_refusals("register", "loan", CHECKOUT, now)}

    assert kinds_on(2031, 12, 31) == set()
    assert kinds_on(2032, 1, 1) == {RefusalKind.AGREEMENT_LAPSED}


def test_no_register_is_an_empty_one(tmp_path: Path) -> None:
    assert register_sha256(tmp_path) == folder_sha256(())


def test_a_review_of_no_source_lets_no_data_through() -> None:
    review = AgreementReview(CASE, "2026-01-01", REGISTER, (), "0" * 32, "local", "", "")
    assert review.result == "FAILED"
    with pytest.raises(ValueError, match="not what the sources come to"):
        AgreementReview.from_dict({**review.to_dict(), "result": "PASSED"})


class Reviewed:
    """A chain under a law that names a register, and reviews that a test appends."""

    def __init__(self, folder: Path) -> None:
        self.log = SignedLog(folder)
        self.log.say_chain()
        Lawgivers(self.log, folder).say(terms_of(agreements_sha256=REGISTER))

    def say(
        self, register: str = REGISTER, source: ReviewedSource = SOURCE, version: int = 1
    ) -> None:
        review = AgreementReview(CASE, "2026-01-01", register, (source,), "0" * 32, "local", "", "")
        admitted = artefact_of("admit/sources.json", version)
        statement = review.to_statement(*([admitted] if source.is_in_force else []))
        self.log.append(statement, review.role)

    def refusals(self) -> list[str]:
        log = self.log.read()
        facts = LawFacts("train", "local", POLICY.sha256)
        found = objections(log, examine(log, CASE, digest(MODEL)), facts)
        kind = RefusalKind.IN_FORCE_AGREEMENTS_CHANGED
        return [item.text for item in found if item.kind == kind]


def test_the_register_in_force_is_the_one_that_clears(tmp_path: Path) -> None:
    reviewed = Reviewed(tmp_path)
    assert "nothing signed" in reviewed.refusals()[0]
    reviewed.say()
    assert reviewed.refusals() == []


def test_another_register_clears_nothing(tmp_path: Path) -> None:
    reviewed = Reviewed(tmp_path)
    reviewed.say("3" * 64)
    assert "in force is 1111" in reviewed.refusals()[0]


def test_a_source_without_a_file_clears_nothing_under_such_a_law(tmp_path: Path) -> None:
    # Whoever calls a bureau's data their own needs no contract, but still a file of the register.
    reviewed = Reviewed(tmp_path)
    reviewed.say(source=replace(SOURCE, sha256=""))
    assert "has no agreement in the register" in reviewed.refusals()[0]


def test_the_last_review_counts_and_not_an_old_pass(tmp_path: Path) -> None:
    reviewed = Reviewed(tmp_path)
    reviewed.say()
    reviewed.say(source=replace(SOURCE, lapses=("expired",)))
    assert "may not be used" in reviewed.refusals()[0]


def test_a_review_of_other_data_clears_nothing(tmp_path: Path) -> None:
    reviewed = Reviewed(tmp_path)
    reviewed.say(version=2)
    assert "other data" in reviewed.refusals()[0]
