"""What is said about the records and the project itself: audit, holds, prunes, keys, test runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.predicate import (
    Predicate,
    count_of,
    digests_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.roles import AUDIT, HOLD, KEY_STORE, PRUNE, SUITE_RUN

HELD = "hold"
RELEASED = "release"
STORE_PREFIX = "keystore/"  # what the name of a key store begins with, as a subject


@dataclass(frozen=True)
class AuditBatch(Predicate):
    """The subject is a run of bytes, [start, end), of one file of the audit log."""

    TYPE = AUDIT

    file: str
    start: int
    end: int
    events: int
    event_format: str
    sealed_on: str

    @property
    def signed_on(self) -> str:
        """When the batch was closed."""
        return self.sealed_on

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "file": self.file,
            "fromByte": self.start,
            "toByte": self.end,
            "events": self.events,
            "format": self.event_format,
            "sealedOn": self.sealed_on,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("file", "fromByte", "toByte", "events", "format", "sealedOn"))
        return cls(
            file=text_of(values, "file"),
            start=count_of(values, "fromByte"),
            end=count_of(values, "toByte"),
            events=count_of(values, "events"),
            event_format=text_of(values, "format"),
            sealed_on=text_of(values, "sealedOn"),
        )


@dataclass(frozen=True)
class LegalHold(Predicate):
    """Statements about artefacts whose names begin with `prefix` are not pruned, or again may be.

    An empty prefix holds everything. A release ends the hold of the same name.
    """

    TYPE = HOLD

    name: str
    prefix: str
    reason: str
    is_released: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "action": RELEASED if self.is_released else HELD,
            "name": self.name,
            "subjects": self.prefix,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("action", "name", "subjects", "reason"))
        if values["action"] not in (HELD, RELEASED):
            raise ValueError(f"field `action` is neither `{HELD}` nor `{RELEASED}`")
        return cls(
            name=text_of(values, "name"),
            prefix=text_of(values, "subjects"),
            reason=text_of(values, "reason"),
            is_released=values["action"] == RELEASED,
        )


@dataclass(frozen=True)
class Prune(Predicate):
    """Envelopes below an entry may be missing, under the policy that is the subject."""

    TYPE = PRUNE

    below: int
    envelopes: int
    policy_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "belowIndex": self.below,
            "envelopes": self.envelopes,
            "policySha256": self.policy_sha256,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("belowIndex", "envelopes", "policySha256"))
        return cls(
            below=count_of(values, "belowIndex"),
            envelopes=count_of(values, "envelopes"),
            policy_sha256=text_of(values, "policySha256"),
        )


@dataclass(frozen=True)
class KeyStoreRecord(Predicate):
    """What the log has seen of a key store; the subject is its id. Of two records the later counts.

    It says nothing about anybody, nor about a secret: identities are keyed digests of fixed words,
    and the list of erasures is a count and a digest (`tasks.keystore.state`).

    Attributes:
        store_id: Random, made with the store.
        generation: Moves whenever a key was destroyed, restricted or wrapped anew; never back.
        events: How many events its list of erasures had.
        events_sha256: The digest over them: a later list begins with the same events.
        secrets: The identity of each secret, by its name.
        root_key: The identity of the root key that wrapped all.
        renewed: Why a person began this store, or took it over, though the log knew another; empty
            where it was the first.
        replaces: The ids of stores that end with this record: they are not to be used again.
        recorded_on: When, by the signer's clock, in RFC 3339.
    """

    TYPE = KEY_STORE

    store_id: str
    generation: int
    events: int
    events_sha256: str
    secrets: Mapping[str, str]
    root_key: str
    renewed: str
    replaces: tuple[str, ...]
    recorded_on: str

    @property
    def signed_on(self) -> str:
        """When it was recorded."""
        return self.recorded_on

    @property
    def subject_name(self) -> str:
        """The name under which statements about this store stand in the log."""
        return f"{STORE_PREFIX}{self.store_id}"

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "store": self.store_id,
            "generation": self.generation,
            "erasures": {"count": self.events, "sha256": self.events_sha256},
            "secrets": dict(self.secrets),
            "rootKey": self.root_key,
            "renewed": self.renewed,
            "replaces": list(self.replaces),
            "recordedOn": self.recorded_on,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        fields = (
            "store", "generation", "erasures", "secrets", "rootKey", "renewed", "replaces",
            "recordedOn",
        )  # fmt: skip
        require_fields(values, fields)
        # The inner object too: a field that this reader does not know could change what the outer
        # ones mean.
        require_fields(values["erasures"], ("count", "sha256"))

        return cls(
            store_id=text_of(values, "store"),
            generation=count_of(values, "generation"),
            events=count_of(values["erasures"], "count"),
            events_sha256=text_of(values["erasures"], "sha256"),
            secrets=digests_of(values, "secrets"),
            root_key=text_of(values, "rootKey"),
            renewed=text_of(values, "renewed"),
            replaces=texts_of(values, "replaces"),
            recorded_on=text_of(values, "recordedOn"),
        )


SUITE = "tests"  # the subject of what is said about runs of the project's own tests
TEST_PASSED = "passed"
TEST_FAILED = "failed"
TEST_SKIPPED = "skipped"


@dataclass(frozen=True)
class SuiteRun(Predicate):
    """Which of the project's own tests ran, how each ended, and by which code.

    Its subject is the list of results, by digest. A test that nobody ran is not in it.

    Attributes:
        results: `file::function` -> passed, failed or skipped; of several cases the worst.
        code: What the tests ran on: a result says nothing about other code.
        tests_sha256: Of the tests themselves, which are no part of that code.
        finished: When, by the clock of whoever signs, in RFC 3339.
    """

    TYPE = SUITE_RUN

    results: dict[str, str] = field(hash=False)
    code: CodeIdentity
    tests_sha256: str
    finished: str

    @property
    def signed_on(self) -> str:
        """When the run ended."""
        return self.finished

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "results": self.results,
            "code": self.code.to_dict(),
            "testsSha256": self.tests_sha256,
            "finishedOn": self.finished,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A test ended in a way that there is not, or no code is named.
        """
        require_fields(values, ("results", "code", "testsSha256", "finishedOn"))
        results = digests_of(values, "results")
        # A word that no reader counts as a failure would read as none.
        if unknown := set(results.values()) - {TEST_PASSED, TEST_FAILED, TEST_SKIPPED}:
            raise ValueError(f"{len(unknown)} unknown results")

        code = CodeIdentity.from_dict(values["code"])
        if code is None:
            raise ValueError("field `code` is no identity of code")

        return cls(
            results=results,
            code=code,
            tests_sha256=text_of(values, "testsSha256"),
            finished=text_of(values, "finishedOn"),
        )
