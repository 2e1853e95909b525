"""in-toto Statements, version 1.

Who is spoken of (subjects, by digest) and what is said (a predicate).
"""

from dataclasses import dataclass, field
from typing import Any

from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Artefact:
    """Something by name and digest: a file, a folder (`tasks.formats.digests`), a key, a root.

    `md5` is what `dvc.lock` calls it, there for finding it; only `sha256` is ever relied on.
    """

    name: str
    sha256: str
    md5: str = ""
    is_folder: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as an in-toto ResourceDescriptor."""
        digest = {"sha256": self.sha256} | ({"md5": self.md5} if self.md5 else {})
        return {"name": self.name, "digest": digest} | (
            {"annotations": {"kind": "folder"}} if self.is_folder else {}
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Artefact":
        """Read a ResourceDescriptor that has a name and a sha256."""
        digest = values["digest"]
        found = str(digest["sha256"])
        # Small letters alone: digests are compared as texts, and `AB` would be another one than
        # `ab`.
        if len(found) != 64 or not HEX.issuperset(found):
            raise ValueError("not a sha256")
        is_folder = values.get("annotations", {}).get("kind") == "folder"
        return cls(str(values["name"]), found, str(digest.get("md5", "")), is_folder)


@dataclass(frozen=True)
class Statement:
    """One claim. It is JSON with sorted keys, no spaces and no NaN.

    No value about a person is ever in it.
    """

    subjects: tuple[Artefact, ...]
    predicate_type: str
    predicate: dict[str, Any] = field(hash=False)

    def to_bytes(self) -> bytes:
        """Return the payload that is signed."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [subject.to_dict() for subject in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    def digest_of(self, name: str) -> str | None:
        """Return the sha256 of the subject `name`, or None."""
        # The first is the only one: `read_statement` refuses a name that is there twice.
        return next((subject.sha256 for subject in self.subjects if subject.name == name), None)


def read_statement(payload: bytes, where: str) -> Statement:
    """Return the statement in a payload whose signature has been verified.

    Raises:
        EvidenceError: It is not a statement with at least one subject, each with a sha256.
    """
    try:
        values: Any = parse_json(payload)
        if values["_type"] != STATEMENT_TYPE or not isinstance(values["predicate"], dict):
            raise ValueError("not an in-toto statement of version 1")
        subjects = tuple(Artefact.from_dict(subject) for subject in values["subject"])
        statement = Statement(subjects, str(values["predicateType"]), values["predicate"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvidenceError(
            where,
            expected="an in-toto statement",
            found=type(error).__name__,
            remedy="It cleared nothing; find out who wrote it.",
        ) from error

    # Beside spaces and other spellings of a text, this refuses a field of the statement itself that
    # this reader does not know: it is not in what `to_bytes` writes.
    if statement.to_bytes() != payload:
        raise EvidenceError(
            where,
            expected="a statement in canonical JSON",
            found="another form of it",
            remedy="It cleared nothing.",
        )

    # About nothing it would be about whatever a reader expects; a name with two digests lets two
    # readers take a different one.
    if not subjects or len({subject.name for subject in subjects}) != len(subjects):
        raise EvidenceError(
            where,
            expected="subjects, each named once",
            found="none, or one twice",
            remedy="It cleared nothing.",
        )

    return statement
