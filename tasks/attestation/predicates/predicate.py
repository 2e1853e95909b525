"""What every predicate has in common, and how the fields of our own are read."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from tasks.attestation.roles import ALSO_SIGNED_BY, KINDS
from tasks.attestation.statement import Artefact, Statement


class Predicate:
    """What one kind of statement says about its subjects.

    `TYPE` is the type URI. `from_dict(predicate.to_dict()) == predicate`, and the dictionary is
    the JSON that is signed, to the byte: what is in a ledger can never be written differently.
    """

    TYPE: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate as JSON values."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A field is missing, of another type or, in our own predicates, unknown.
            KeyError, TypeError, AttributeError: The same, further inside.
        """
        raise NotImplementedError

    @property
    def role(self) -> str:
        """The role whose key has to sign it."""
        return KINDS[self.TYPE]

    @property
    def accepted_roles(self) -> tuple[str, ...]:
        """Every role whose key may sign it: its own first, and no other for most types."""
        return (self.role, *ALSO_SIGNED_BY.get(self.TYPE, ()))

    @property
    def signed_on(self) -> str:
        """When it was signed, by the signer's clock, in RFC 3339; empty where it does not say."""
        return ""

    def artefact_names(self) -> tuple[str, ...]:
        """Return the names of the artefacts that it mentions besides its subjects."""
        return ()

    def about(self, *subjects: Artefact) -> Statement:
        """Return the statement that says this about `subjects`."""
        return Statement(subjects, self.TYPE, self.to_dict())


def require_fields(
    values: Mapping[str, Any], names: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Refuse an object that lacks a field, or has one that is neither required nor optional.

    Raises:
        ValueError: Names the first such field. A field's value is never in it.
    """
    # The JSON can be somebody else's: a list or a number may stand where an object is due.
    if not isinstance(values, Mapping):
        raise ValueError("not an object")

    required = set(names)
    if missing := sorted(required - values.keys()):
        raise ValueError(f"no field `{missing[0]}`")
    if unknown := sorted(values.keys() - required - set(optional)):
        raise ValueError(f"unknown field `{unknown[0][:60]}`")


def text_of(values: Mapping[str, Any], name: str) -> str:
    """Return a field that is a string."""
    value = values[name]
    if not isinstance(value, str):
        raise ValueError(f"field `{name}` is no string")
    return value


def count_of(values: Mapping[str, Any], name: str) -> int:
    """Return a field that is a whole number, 0 or more."""
    value = values[name]
    # In Python a bool is an int, in JSON `true` is no number.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"field `{name}` is no whole number")
    return value


def texts_of(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field that is a list of strings."""
    value = values[name]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"field `{name}` is no list of strings")
    return tuple(value)


def digests_of(values: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return a field that is an object of strings, as name -> digest, version or the like."""
    value = values[name]
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"field `{name}` is no object of strings")
    return dict(value)
