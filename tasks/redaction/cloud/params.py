"""How a use case declares detectors that others run, and what it has to say about them."""

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tasks.config.strict import StrictModel

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BYTES_A_GIGABYTE = 2**30
CHARACTERS_A_UNIT = 100
LEAST_UNITS = 3
REGION = r"^[a-z]{2,}(-[a-z]+)*-?[a-z]*\d{1,2}$"  # europe-west3, eu-central-1, us-gov-west-1


class _Cloud(StrictModel):
    """What every service of somebody else's says, whatever it is. None of it has a default.

    Credentials are none of it: each service's own library takes them from the environment of the
    worker, or from the identity of its machine. What is written here is committed, and signed.
    """

    processor: str = Field(min_length=1, description="to whom the texts go, by its legal name")
    agreement: str = Field(min_length=1, description="id of the data-processing agreement")
    expires: date = Field(description="last day on which the agreement is in force")
    requests_per_minute: int = Field(ge=1, description="never more are made, whatever the quota")
    attempts: int = Field(
        default=5, ge=1, le=10, description="how often a request is made that is not answered"
    )
    timeout_seconds: float = Field(
        default=30, gt=0, le=600, description="after which a request has failed"
    )
    endpoint: str | None = Field(
        default=None,
        description="another address of the service, as of a private endpoint; https:// alone",
    )

    @field_validator("endpoint")
    @classmethod
    def _is_private(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        # The use case is committed and signed: a secret in an address would be, too.
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address without credentials, query and fragment")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("texts about people would cross a network in clear: https:// alone")
        return endpoint.rstrip("/")


class _Detector(_Cloud):
    """What a service says to which texts are sent."""

    sends: Literal["masked", "whole"] = Field(
        default="masked",
        description=(
            "masked: what row link and the local finder have left of a text; whole: the text as it "
            "stands, with everything personal in it"
        ),
    )


class GoogleDlpParams(_Detector):
    """Google's Sensitive Data Protection, method `content.inspect`."""

    kind: Literal["google_dlp"] = Field(description="which service it is")
    project: str = Field(
        pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", description="the id of the Google Cloud project"
    )
    location: str = Field(
        pattern=REGION, description="one region: `global` and multi-regions say no place"
    )
    min_likelihood: Literal["VERY_UNLIKELY", "UNLIKELY", "POSSIBLE", "LIKELY", "VERY_LIKELY"] = (
        Field(
            default="POSSIBLE",
            description="how likely a finding has to be to be masked; less likely masks more",
        )
    )
    usd_per_gigabyte: float = Field(ge=0, description="what the contract says")

    @property
    def region(self) -> str:
        """Where texts are processed."""
        return self.location

    @property
    def address(self) -> str:
        """The regional endpoint: the global one takes texts in wherever the network enters it."""
        return self.endpoint or f"https://dlp.{self.location}.rep.googleapis.com"

    def billed_units(self, text: str) -> int:
        """Return for how much a text is billed: bytes."""
        return len(text.encode())

    def cost_usd(self, units: int) -> float:
        """Return what so many bytes cost."""
        return units / BYTES_A_GIGABYTE * self.usd_per_gigabyte


class ComprehendParams(_Detector):
    """Amazon Comprehend, method `DetectPiiEntities`."""

    kind: Literal["aws_comprehend"] = Field(description="which service it is")
    region: str = Field(pattern=REGION, description="the AWS region to which texts go")
    language: Literal["en", "es"] = Field(description="of the texts; the service knows these two")
    min_score: float = Field(
        ge=0, le=1, description="how sure a finding has to be to be masked; lower masks more"
    )
    usd_per_unit: float = Field(ge=0, description="what the contract says 100 characters cost")

    def billed_units(self, text: str) -> int:
        """Return for how much a text is billed: begun hundreds of characters, three at least.

        https://aws.amazon.com/comprehend/pricing/, November 2026.
        """
        return max(LEAST_UNITS, -(-len(text) // CHARACTERS_A_UNIT))

    def cost_usd(self, units: int) -> float:
        """Return what so many units cost."""
        return units * self.usd_per_unit


CloudDetector = Annotated[GoogleDlpParams | ComprehendParams, Field(discriminator="kind")]


class MacieParams(_Cloud):
    """Amazon Macie: a job that searches the objects of a bucket. It reads them where they lie."""

    region: str = Field(pattern=REGION, description="the AWS region of the bucket")
    account: str = Field(pattern=r"^\d{12}$", description="the account that owns the bucket")
    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="the bucket of S3 that is searched",
    )
    patience_minutes: int = Field(ge=1, le=24 * 60, description="how long a job may take")
    usd_per_gigabyte: float = Field(ge=0, description="what the contract says")


def service_name(service: CloudDetector) -> str:
    """Return which service it is, and where: as it stands in reports."""
    return f"{service.kind} in {service.region}"
