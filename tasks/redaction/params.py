"""The `redact:` section of a use case, and its limits."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.config.collecting import suggestion
from tasks.config.strict import StrictModel
from tasks.engines.params import EngineParams, InOneProcess
from tasks.errors import ConfigError
from tasks.redaction.cloud.params import CloudDetector, MacieParams, service_name

# What tells who somebody is. Organisations, nationalities, durations and dates that are nobody's
# birthday are not among them:
# they are what later stages learn from, and a use case that wants them masked names them.
ENTITIES = (
    "PERSON",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "US_SSN",
    "LOCATION",
    "IP_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "CRYPTO",
    "MEDICAL_LICENSE",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "MAC_ADDRESS",
    "UK_NHS",
    "ID",
    "USER_NAME",
    "BIRTH_DATE",
)


# Since ADR 0114 one line says it for all heavy stages.
MOVED_ENGINE = "`redact.engine` is now the section `engine:` of the use case, for all heavy stages"


class RedactParams(StrictModel):
    """How personal data is found and what becomes of it: the `redact:` section of a use case."""

    mode: Literal["fast", "careful", "exact"] = Field(
        default="fast",
        description=(
            "fast: own patterns, validators and rules for names; careful: a second network too; "
            "exact: what Presidio finds"
        ),
    )
    language: Literal["en", "de", "fr", "es"] = Field(
        default="en", description="of all the texts; one that has a profile and measured figures"
    )
    model: str | None = Field(
        default=None,
        description=(
            "a spaCy pipeline: an installed package, or a package that carries one in `_model`; "
            "English needs one, other languages do with lists and rules"
        ),
    )
    min_score: float = Field(
        ge=0, le=1, description="how sure a finding has to be to be masked; lower masks more"
    )
    profile: Literal["default", "hipaa"] = Field(
        default="default",
        description="hipaa: the 18 identifiers of 45 CFR 164.514(b)(2), in place of `entities`",
    )
    small_zip_areas: str | None = Field(
        default=None,
        description=(
            "a file of three-digit ZIP areas with 20,000 people or fewer; "
            "columns of kind `zip` need it"
        ),
    )
    entities: tuple[str, ...] = Field(
        default=ENTITIES, description="what is masked, by the names of Presidio's entities"
    )
    recognisers: str | None = Field(
        default=None, description="a file of further recognisers in Presidio's YAML format"
    )
    tokenised: tuple[str, ...] = Field(
        description="identifiers kept as pseudonyms; all others are dropped"
    )
    dates: Literal["year", "month"] = Field(
        description="how exact a quasi-identifier of kind `date` stays"
    )
    chunk_rows: int = Field(ge=1, description="rows that are masked at once: more take more memory")
    until_stable: bool = Field(
        default=False,
        description="mask until nothing more is found, so that masking again changes nothing",
    )
    detectors: tuple[CloudDetector, ...] = Field(
        default=(),
        description="services of others that look at texts as well; `limits.redact.sent_bytes`",
    )
    macie: MacieParams | None = Field(
        default=None,
        description="a bucket that Amazon Macie searches; `limits.redact.bucket_objects`",
    )

    @model_validator(mode="before")
    @classmethod
    def _has_no_engine_of_its_own(cls, values: Any) -> Any:
        # Else the strict model would only say that the key is unknown.
        if isinstance(values, dict) and "engine" in values:
            raise ValueError(MOVED_ENGINE)
        return values

    @model_validator(mode="after")
    def _can_read_the_language(self) -> "RedactParams":
        if self.model is None and self.language == "en":
            raise ValueError("`language: en` needs a `model`")
        if self.model is None and self.mode == "exact":
            raise ValueError("`mode: exact` needs a `model` of the language")
        if self.profile == "hipaa" and self.language != "en":
            raise ValueError("`profile: hipaa` needs `language: en`")
        return self

    @model_validator(mode="after")
    def _asks_each_service_once(self) -> "RedactParams":
        # Twice the same service would be asked at twice its pace, and its bytes counted under one
        # name.
        names = [service_name(detector) for detector in self.detectors]
        if len(set(names)) != len(names):
            raise ValueError("`detectors` name a service in one region twice")
        return self


class RedactLimits(StrictModel):
    """What may leak.

    `not_applicable` says, with a reason, that the data has no planted answers to measure against.
    """

    own_leak_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of planted names, numbers and addresses of the row's own "
        "person left readable",
        examples=[0.001],
    )
    third_person_leak_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of planted details of other people left readable",
        examples=[0.05],
    )
    over_redaction_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of planted harmless words masked",
        examples=[0.01],
    )
    surviving_identifiers: int = Field(
        ge=0,
        description="at most so many declared identifiers found again in masked texts",
        examples=[0],
    )
    withheld_ratio: float = Field(
        ge=0,
        le=1,
        description="at most this share of texts withheld because they could not be searched",
        examples=[0.0],
    )
    sent_bytes: int | None = Field(
        default=None, ge=0, description="of texts, to all `redact.detectors`; they need it"
    )
    bucket_objects: int | None = Field(
        default=None, ge=0, description="in which `redact.macie` finds something; it needs it"
    )
    not_applicable: str | None = Field(
        default=None,
        min_length=10,
        description="why leakage cannot be measured: nobody planted answers in real data",
    )


def require_service_limits(params: RedactParams, limits: RedactLimits, case: str) -> None:
    """Refuse services of others that no limit holds.

    Raises:
        ConfigError: Detectors are declared without `sent_bytes`, or a bucket without
            `bucket_objects`.
    """
    needed = {
        "sent_bytes": bool(params.detectors) and limits.sent_bytes is None,
        "bucket_objects": params.macie is not None and limits.bucket_objects is None,
    }
    for name, is_lacking in needed.items():
        if is_lacking:
            raise ConfigError(
                f"{case}: limits.redact.{name}",
                expected="a number: how much of it is allowed",
                found="none, and a service that needs it",
                remedy="Set it, or take the service out of `redact`.",
            )


def require_known_kinds(entities: Iterable[str], kinds: Iterable[str]) -> None:
    """Refuse a kind that is never found: of a misspelt one nothing would be masked.

    Args:
        entities: What is to be masked. What is masked by default may be asked for in every language
            and mode.
        kinds: What the finder can find.

    Raises:
        ConfigError: One is not found.
    """
    known = tuple(dict.fromkeys((*ENTITIES, *sorted(kinds))))
    if unknown := sorted(set(entities) - set(known)):
        raise ConfigError(
            "redact.entities",
            expected="kinds that are found in this language and mode",
            found=", ".join(unknown),
            remedy=suggestion(unknown, known, f"Take some of: {', '.join(known)}."),
        )


def require_one_place(params: RedactParams, engine: EngineParams, case: str) -> None:
    """Refuse detectors of others on an engine of several workers.

    Each worker would keep to the quota by itself, and all of them together would not.

    Raises:
        ConfigError: There are detectors, and the engine is not of kind `one_process`.
    """
    if params.detectors and not isinstance(engine.root, InOneProcess):
        raise ConfigError(
            f"{case}: engine",
            expected="one of kind `one_process` with `redact.detectors`",
            found=f"`{engine.root.kind}`",
            remedy="Take out one of the two: several workers would each use up the whole quota.",
        )
