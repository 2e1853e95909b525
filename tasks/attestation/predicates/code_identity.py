"""Which code ran in which environment, as the worker measured it (`tasks.code_identity`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tasks.attestation.predicates.predicate import require_fields, text_of, texts_of


@dataclass(frozen=True)
class CodeIdentity:
    """Of everything that could be imported when a stage ran."""

    tree_sha256: str  # code and configuration of the checkout
    environment_sha256: str  # interpreter, standard library, locked distributions
    interpreter: str  # for people: implementation, version, the digest of its program
    lock_sha256: str  # of requirements.lock; empty where there is none
    foreign: tuple[str, ...]  # what could be imported and belongs to none of these

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "treeSha256": self.tree_sha256,
            "environmentSha256": self.environment_sha256,
            "interpreter": self.interpreter,
            "lockSha256": self.lock_sha256,
            "foreign": list(self.foreign),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self | None:
        """Read what `to_dict` wrote.

        Absent, or in a form that this reader does not know, it is None, which clears nothing: a
        verdict must not be void for it, for then an earlier pass would count instead.
        """
        names = ("treeSha256", "environmentSha256", "interpreter", "lockSha256", "foreign")
        try:
            require_fields(values, names)
            return cls(
                tree_sha256=text_of(values, "treeSha256"),
                environment_sha256=text_of(values, "environmentSha256"),
                interpreter=text_of(values, "interpreter"),
                lock_sha256=text_of(values, "lockSha256"),
                foreign=texts_of(values, "foreign"),
            )
        except ValueError:
            return None


def code_field(code: CodeIdentity | None) -> Mapping[str, Any]:
    """Return the field that says it; of a statement without it, the bytes stay as they were."""
    return {} if code is None else {CODE_FIELD: code.to_dict()}


CODE_FIELD = "portcullis_code"
