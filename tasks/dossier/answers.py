"""Make a person's answer to a requirement, and refuse one that no reader would count."""

from hashlib import sha256
from pathlib import Path

from tasks.attestation.dsse import Envelope
from tasks.attestation.predicates.consent import RequirementAnswer
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact, Statement
from tasks.clearance.bundle_writer import PERSONAL
from tasks.dossier.answering import rows_name
from tasks.dossier.governance import Requirement
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.regular_file import read_regular_file
from tasks.plain_text import UNSAFE_IN_TEXT
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Entry, verified

MOST_BYTES = 32 << 10  # some ten pages: what is longer is a document, whose digest is to be named


def read_text(path: Path) -> str:
    """Return an answer's text from a file, without the blank lines around it.

    Raises:
        ConfigError: It is no text, is empty or too long, or holds what looks like personal data.
    """
    try:
        content = read_regular_file(path, most_bytes=MOST_BYTES)
        text = content.decode().strip().replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unfit("a text file in UTF-8", type(error).__name__) from error

    if not text:
        raise _unfit("an answer", "an empty file")
    _check_words(text, "--file")
    return text


def _check_words(text: str, where: str) -> None:
    """Refuse words in which something hides, or that are about a person.

    What is signed is shown to others for ever.
    """
    if UNSAFE_IN_TEXT.search(text):
        found = "control characters, or marks that turn the direction"
        raise _unfit("plain text", found, where)
    for kind, pattern in PERSONAL.items():
        if pattern.search(text.encode()):
            expected = "no value about a person: an entry stays for ever"
            raise _unfit(expected, f"a likely {kind}", where)


def answer_statement(
    row: Requirement, text: str, capacity: str, log: Log, chain: Chain, signer: LocalSigner
) -> Statement:
    """Return the statement by which the holder of a key answers a requirement.

    Raises:
        ConfigError: No person has to answer it, or the capacity is no text that may be kept.
        EvidenceError: The log does not say what the model learnt from.
    """
    # Before anything is signed: no reader would ever count it, and an entry stays for ever.
    if row.kind == "fact" or row.not_applicable:
        raise ConfigError(
            row.id,
            expected="a requirement that a person answers",
            found="one that evidence alone answers" if row.kind == "fact" else "one not applicable",
            remedy="`./portcullis dossier` says what is missing of it. Nothing was recorded.",
        )
    _check_words(capacity, "--capacity")

    name = rows_name(chain.case)
    rows_sha256 = chain.artefacts().get(name)
    if rows_sha256 is None:
        raise EvidenceError(
            f"answer to {row.id}",
            expected="data that a signed statement names",
            found="none of this model",
            remedy=f"Run `./portcullis release {chain.case}`. Nothing was recorded.",
        )

    # A key that is not enrolled has no name here: `check_answer` refuses what it signs.
    holder = log.keys.entries.get(signer.public.keyid)
    answer = RequirementAnswer(
        case=chain.case,
        requirement=row.id,
        requirement_sha256=row.sha256,
        text=text,
        person=holder.holder if holder else "",
        capacity=capacity,
        given_on=timestamp(),
    )
    return answer.to_statement(Artefact(name, rows_sha256))


def check_answer(envelope: Envelope, log: Log) -> None:
    """Refuse an answer that no reader would count, before it is recorded.

    Raises:
        EvidenceError: Its key is not enrolled in a role that answers, or is no person's.
    """
    # As a reader would verify it, were it the next entry of the log.
    digest = sha256(envelope.to_bytes()).hexdigest()
    signed = verified(Entry(log.head.size, envelope, digest), log.keys)
    if not signed.key.is_of_person:
        raise EvidenceError(
            "answer",
            expected="the key of a person",
            found="a worker's",
            remedy="`./portcullis keys enrol` enrols a person's key. Nothing was recorded.",
        )


def _unfit(expected: str, found: str, where: str = "--file") -> ConfigError:
    return ConfigError(where, expected=expected, found=found, remedy="Nothing was recorded.")
