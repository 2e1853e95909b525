"""What no reader would count is not signed, and what is signed for ever is about nobody."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tasks.attestation.predicates.consent import subject_of
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.dossier.answers import answer_statement, read_text
from tasks.dossier.governance import Requirement
from tasks.errors import ConfigError
from tests.tasks.dossier.making import GOVERNANCE, SmallDossier

ASKED = GOVERNANCE.requirement("DPIA-7b")
FACT = next(row for row in GOVERNANCE.requirements if row.kind == "fact")
SIGNER = LocalSigner(Ed25519PrivateKey.generate())


def answer(small: SmallDossier, row: Requirement, capacity: str = "officer") -> Statement:
    evidence = small.subject().evidence
    return answer_statement(row, "Yes.", capacity, evidence.log, evidence.chain, SIGNER)


def test_an_answer_is_about_its_words_and_the_rows(small: SmallDossier) -> None:
    statement = answer(small, ASKED)
    names = [subject.name for subject in statement.subjects]
    assert names == [subject_of("tiny", "DPIA-7b"), "tiny/redact/rows.parquet"]


def test_what_evidence_alone_answers_is_not_signed_for(small: SmallDossier) -> None:
    with pytest.raises(ConfigError, match="found one that evidence alone answers"):
        answer(small, FACT)


def test_what_does_not_apply_is_not_signed_for(small: SmallDossier) -> None:
    with pytest.raises(ConfigError, match="found one not applicable"):
        answer(small, replace_row(ASKED, not_applicable="there is no such data"))


@pytest.mark.parametrize("words", ["jane.doe@example.org", "officer\u202e", "a\x1b[2Jb"])
def test_neither_the_capacity_nor_the_text_may_hide_or_be_about_a_person(
    small: SmallDossier, tmp_path: Path, words: str
) -> None:
    with pytest.raises(ConfigError, match=r"--capacity: .*Nothing was recorded") as refusal:
        answer(small, ASKED, capacity=words)
    assert words not in str(refusal.value)

    (tmp_path / "answer.txt").write_text(words)
    with pytest.raises(ConfigError, match=r"--file: .*Nothing was recorded"):
        read_text(tmp_path / "answer.txt")


def replace_row(row: Requirement, **values: str) -> Requirement:
    return row.model_copy(update=values)
