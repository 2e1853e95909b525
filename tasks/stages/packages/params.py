"""The `packages:` section of a use case, and its limits.

What is allowed of a package is the same for all use cases: `configs/supply-chain.yaml`.
"""

from pydantic import Field

from tasks.config.strict import StrictModel


class PackagesParams(StrictModel):
    """Whether vulnerabilities have to be looked up."""

    no_database_because: str = Field(
        default="",
        description="why no vulnerability database is asked; empty, and one has to answer",
        examples=["the examples have to run on a machine that reaches no database"],
    )


class PackagesLimits(StrictModel):
    """What the gate demands. No limit has a default."""

    vulnerabilities: int = Field(
        ge=0,
        description="at most: known vulnerabilities that are neither accepted nor of an allowed "
        "severity",
        examples=[0],
    )
    forbidden_licences: int = Field(
        ge=0, description="at most: packages whose licence is not allowed", examples=[0]
    )
