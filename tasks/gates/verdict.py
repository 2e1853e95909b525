"""A verdict: the checks of one gate about exactly the bytes that it judged."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import Refusal, RefusalKind
from tasks.formats.canonical_json import canonical
from tasks.gates.check import Check
from tasks.gates.outcome import Outcome

KINDS = {Outcome.FAIL: RefusalKind.CHECK_FAILED, Outcome.UNDECIDED: RefusalKind.CHECK_UNDECIDED}


@dataclass(frozen=True)
class Verdict:
    """What one gate found about one set of artefacts.

    `about` maps each artefact that was judged to the sha256 of its bytes; `limits_sha256` is the
    digest of the limits that were in force, so that neither can be exchanged afterwards. No two of
    its checks have one key.
    """

    gate: str
    use_case: str
    checks: tuple[Check, ...]
    limits_sha256: str
    about: dict[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Hold what every verdict has to be, whoever made it or wrote it down."""
        if not self.gate or not self.use_case or not self.checks:
            raise ValueError("a verdict names its gate and its use case and has at least one check")

        # An acceptance names gate and key: a check of another gate's id could be accepted there.
        foreign = [check.id for check in self.checks if not check.id.startswith(f"{self.gate}.")]
        if foreign:
            raise ValueError(f"gate `{self.gate}` makes no check `{foreign[0]}`")
        # Of two checks with one key, who accepts the one has accepted the other unseen.
        key, count = Counter(check.key for check in self.checks).most_common(1)[0]
        if count > 1:
            raise ValueError(f"{count} checks are `{key}`")

    @property
    def outcome(self) -> Outcome:
        """The worst of its checks."""
        return Outcome.worst(check.outcome for check in self.checks)

    def refusals(self) -> tuple[Refusal, ...]:
        """Return one refusal per check that blocks."""
        return tuple(
            Refusal(KINDS[check.outcome], check.line(self.gate), self.gate, check.key)
            for check in self.checks
            if check.outcome.is_blocking
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "gate": self.gate,
            "use_case": self.use_case,
            "checks": [check.to_dict() for check in self.checks],
            "limits_sha256": self.limits_sha256,
            "about": dict(self.about),
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Verdict":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is no verdict, or one whose checks have no ids.
        """
        match values:
            case {
                "gate": str(gate),
                "use_case": str(use_case),
                "checks": [*checks],
                "limits_sha256": str(limits_sha256),
                "about": {**about},
                **more,
            } if not more and all(isinstance(digest, str) for digest in about.values()):
                digests = {str(name): str(digest) for name, digest in about.items()}
                read = tuple(Check.from_dict(check) for check in checks)
                return cls(gate, use_case, read, limits_sha256, digests)
            case _:
                raise ValueError("not a verdict")


def digest_of(value: Any) -> str:
    """Return the sha256 of a JSON value in its canonical form; NaN is refused."""
    return hashlib.sha256(canonical(value)).hexdigest()
