"""The plan of a model: everything that can move a verdict about it, under one digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

from tasks.attestation.predicates.predicate import digests_of, text_of
from tasks.formats.canonical_json import canonical

PLAN_FIELD = "portcullis_plan"
# How much of a setting's digest is kept. It says which settings differ, to people; that something
# differs at all is said by the parts, whose digests are whole.
MARK_DIGITS = 16


@dataclass(frozen=True)
class Plan:
    """What every gate judges by, as it was fixed before a model was trained.

    Attributes:
        parts: Name -> sha256, by the names that the configuration of a verdict has: sections of the
            use case (`params:fairness`), limits (`gate:fairness`), the policy, files.
        settings: Dotted name of a setting (`fairness.seed`) -> the beginning of the sha256 of its
            value. Names alone are ever shown.
    """

    parts: dict[str, str] = field(hash=False)
    settings: dict[str, str] = field(hash=False)

    @property
    def sha256(self) -> str:
        """The digest by which a plan is called: that of its parts."""
        # Not of the settings: the parts hold all of them by whole digests, and files and policy
        # besides.
        return sha256(canonical(self.parts)).hexdigest()

    def has_gate(self, gate: str) -> bool:
        """Say whether a gate was among those that the model would be judged by."""
        return f"gate:{gate}" in self.parts

    def differing_parts(self, parts: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of those parts that are not in the plan, or are others there."""
        return tuple(
            sorted(name for name, digest in parts.items() if self.parts.get(name) != digest)
        )

    def differences(self, other: "Plan") -> tuple[str, ...]:
        """Return the names of the settings in which two plans differ, sorted.

        A part that differs although none of its settings does (a file, the policy, the table of
        gates) is named itself.
        """
        settings = _differing(self.settings, other.settings)
        parts = _differing(self.parts, other.parts)
        explained = tuple(
            part for part in parts if any(_covers(part, setting) for setting in settings)
        )
        return (*settings, *(part for part in parts if part not in explained))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"sha256": self.sha256, "parts": self.parts, "settings": self.settings}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_dict` wrote; None of a time before plans were sealed.

        Raises:
            ValueError: A field is no object of strings, or the digest is not that of the parts.
        """
        if values is None:
            return None

        plan = cls(digests_of(values, "parts"), digests_of(values, "settings"))
        if text_of(values, "sha256") != plan.sha256:
            raise ValueError("field `sha256` is not the digest of the parts")
        return plan


def _differing(own: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        sorted(name for name in own.keys() | other.keys() if own.get(name) != other.get(name))
    )


def _covers(part: str, setting: str) -> bool:
    """Say whether a setting lies in a part: `params:fairness` and `fairness.seed`.

    The limits of a gate are the part `gate:<gate>`, too.
    """
    kind, _, name = part.partition(":")
    section = f"limits.{name}" if kind == "gate" else name
    # With the dot at the end of both, so that `train` does not cover `training.seed`.
    return f"{setting}.".startswith(f"{section}.")
