"""The `register:` section of a use case."""

from pydantic import BaseModel, ConfigDict, Field


class RegisterParams(BaseModel):
    """The `register:` section of a use case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    experiment: str
    alias: str = "candidate"
    approval: bool = Field(
        default=False,
        description="whether a second person has to approve the very model, by signature",
    )
