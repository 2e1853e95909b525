"""Recognisers as data, in Presidio's YAML format, with what is ours beside it.

Ours are validators by name, and examples that the suite runs.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.config.cases import validated_file
from tasks.config.strict import StrictModel
from tasks.redaction.finding.patterns.validators import VALIDATORS

BUILTIN = Path(__file__).parent / "builtin.yaml"
# keys that Presidio does not know
OWN_KEYS = ("validator", "validated_score", "may_shrink", "may_begin_later", "examples")


class Pattern(StrictModel):
    """One pattern and how sure a match makes.

    In a file a long `regex` may be a list of parts, which are put together as they stand: YAML has
    no way to break a line inside a word.
    """

    name: str
    regex: str = Field(min_length=1)
    score: float = Field(ge=0, le=1)

    @field_validator("regex", mode="before")
    @classmethod
    def _join_parts(cls, regex: object) -> object:
        if isinstance(regex, list) and all(isinstance(part, str) for part in regex):
            return "".join(regex)
        return regex


class Examples(StrictModel):
    """Texts in which the recogniser must find something, and texts in which it must not.

    The texts in `match` may hold words of context.
    """

    match: tuple[str, ...] = Field(min_length=1)
    no_match: tuple[str, ...] = Field(min_length=1)


class Recogniser(StrictModel):
    """What finds one kind of personal data by its form."""

    name: str
    supported_entity: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    supported_language: str = "en"
    patterns: tuple[Pattern, ...] = ()
    deny_list: tuple[str, ...] = ()
    deny_list_score: float = Field(default=1.0, ge=0, le=1)
    context: tuple[str, ...] = ()
    validator: str | None = None
    validated_score: float = Field(
        default=1.0, ge=0, le=1, description="the least score of a match that the validator accepts"
    )
    may_shrink: bool = Field(
        default=False, description="try a match that the validator refuses without its last groups"
    )
    may_begin_later: bool = Field(
        default=False,
        description="try a match that the validator refuses without its first groups; what is left "
        "counts where the validator accepts it",
    )
    examples: Examples | None = None

    @field_validator("validator")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in VALIDATORS:
            raise ValueError(f"no validator `{name}`; there are {', '.join(sorted(VALIDATORS))}")
        return name

    def for_presidio(self) -> dict[str, Any]:
        """Return the recogniser as Presidio reads it, without what is ours."""
        values = self.model_dump(mode="json", exclude={*OWN_KEYS}, exclude_defaults=True)
        return {"supported_language": self.supported_language, **values}


class RecogniserFile(StrictModel):
    """One YAML file of recognisers."""

    # Presidio's spelling: the file has to be readable by Presidio too
    recognizers: tuple[Recogniser, ...] = Field(min_length=1)


def load_recognisers(path: Path) -> tuple[Recogniser, ...]:
    """Return the recognisers of a YAML file.

    Raises:
        ConfigError: It is absent, no YAML, or says something that no recogniser understands; the
            first such thing is named.
    """
    loaded = validated_file(
        RecogniserFile,
        path,
        expected="a YAML file of recognisers",
        remedy="Mend `redact.recognisers`.",
    )
    return loaded.recognizers
