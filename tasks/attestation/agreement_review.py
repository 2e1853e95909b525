"""What the worker found in the agreements of a use case's sources, on the day that it read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tasks.attestation.predicates.predicate import (
    Predicate,
    digests_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.roles import AGREEMENTS
from tasks.attestation.statement import Artefact, Statement

FIELDS = (
    "useCase", "day", "registerSha256", "sources", "result", "invocationId", "mode", "drill",
    "finishedOn",
)  # fmt: skip
PASSED = "PASSED"
FAILED = "FAILED"


@dataclass(frozen=True)
class ReviewedSource:
    """One source, and what its agreement says.

    Attributes:
        source: Its name in the use case.
        agreement: The agreement's id.
        role: What the other party is.
        party: The other party; empty where the register has no file.
        sha256: Of the register's file; empty where there is none.
        file_sha256: Of the signed file, as the register names it.
        expires: The last day on which it is in force.
        clauses: Each clause that is needed -> its place in the signed text; empty where missing.
        subprocessors: Who else processes, where, and what for.
        transfers: Each country that data is taken to, and what allows it.
        faults: What is missing, or differs from the use case.
        lapses: That it is not in force on the day.
    """

    source: str
    agreement: str
    role: str
    party: str
    sha256: str = ""
    file_sha256: str = ""
    expires: str = ""
    clauses: dict[str, str] = field(default_factory=dict, hash=False)
    subprocessors: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    lapses: tuple[str, ...] = ()

    @property
    def is_in_force(self) -> bool:
        """Whether it may be used: nothing is missing, and the day is within."""
        return not self.faults and not self.lapses

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "source": self.source,
            "agreement": self.agreement,
            "role": self.role,
            "party": self.party,
            "sha256": self.sha256,
            "fileSha256": self.file_sha256,
            "expires": self.expires,
            "clauses": self.clauses,
            "subprocessors": list(self.subprocessors),
            "transfers": list(self.transfers),
            "faults": list(self.faults),
            "lapses": list(self.lapses),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        texts = ("source", "agreement", "role", "party", "sha256", "fileSha256", "expires")
        lists = ("subprocessors", "transfers", "faults", "lapses")
        require_fields(values, (*texts, *lists, "clauses"))

        return cls(
            source=text_of(values, "source"),
            agreement=text_of(values, "agreement"),
            role=text_of(values, "role"),
            party=text_of(values, "party"),
            sha256=text_of(values, "sha256"),
            file_sha256=text_of(values, "fileSha256"),
            expires=text_of(values, "expires"),
            clauses=digests_of(values, "clauses"),
            subprocessors=texts_of(values, "subprocessors"),
            transfers=texts_of(values, "transfers"),
            faults=texts_of(values, "faults"),
            lapses=texts_of(values, "lapses"),
        )


@dataclass(frozen=True)
class AgreementReview(Predicate):
    """Whether data may be used: of every source, each clause, and what speaks against it.

    The first subject is the register of agreements, under the use case's name. Where every source
    may be used, the second is what the stage `admit` wrote: without it nothing was admitted.

    Attributes:
        case: The use case.
        day: By which expiry was judged: the worker's clock, or a drill's date.
        register_sha256: Of the folder of agreements, as the worker gave it to the stage.
        sources: Of every source.
        invocation: The run that it was judged in.
        mode: As in `Circumstances`.
        drill: As in `Circumstances`: what was judged by another date clears nothing.
        finished: When, by the worker's clock, in RFC 3339.
    """

    TYPE = AGREEMENTS

    case: str
    day: str
    register_sha256: str
    sources: tuple[ReviewedSource, ...]
    invocation: str
    mode: str
    drill: str
    finished: str

    @property
    def result(self) -> str:
        """PASSED where every source may be used, and there is one."""
        is_usable = bool(self.sources) and all(source.is_in_force for source in self.sources)
        return PASSED if is_usable else FAILED

    @property
    def signed_on(self) -> str:
        """When it was judged."""
        return self.finished

    def to_statement(self, *admitted: Artefact) -> Statement:
        """Return the statement that says it.

        Args:
            admitted: What the stage `admit` wrote; nothing where it may not be used.
        """
        return self.about(Artefact(review_name(self.case), self.register_sha256), *admitted)

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "useCase": self.case,
            "day": self.day,
            "registerSha256": self.register_sha256,
            "sources": [source.to_dict() for source in self.sources],
            "result": self.result,
            "invocationId": self.invocation,
            "mode": self.mode,
            "drill": self.drill,
            "finishedOn": self.finished,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The result is not the one that its sources come to.
        """
        require_fields(values, FIELDS)
        review = cls(
            case=text_of(values, "useCase"),
            day=text_of(values, "day"),
            register_sha256=text_of(values, "registerSha256"),
            sources=tuple(map(ReviewedSource.from_dict, values["sources"])),
            invocation=text_of(values, "invocationId"),
            mode=text_of(values, "mode"),
            drill=text_of(values, "drill"),
            finished=text_of(values, "finishedOn"),
        )
        # `result` is there for readers of the JSON, and is never believed: a review that says
        # PASSED over a missing clause is void.
        if values["result"] != review.result:
            raise ValueError("field `result` is not what the sources come to")
        return review


def review_name(case: str) -> str:
    """Return the name under which reviews of a use case's agreements stand in the log."""
    return f"{case}/agreements"
