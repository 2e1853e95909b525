"""The `register:` section of a use case."""

from pydantic import Field

from tasks.config.strict import StrictModel


class RegisterParams(StrictModel):
    """The `register:` section of a use case."""

    model: str
    experiment: str
    alias: str = "candidate"
    approval: bool = Field(
        default=False,
        description="whether a second person has to approve the very model, by signature",
    )
