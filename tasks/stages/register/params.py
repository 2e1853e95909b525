"""The `register:` section of a use case."""

from typing import Annotated

from pydantic import Field

from tasks.config.strict import StrictModel

# The registry's names become a folder of artifacts and a text in its query: no `/`, no quote.
RegistryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .-]*$", max_length=200)]


class RegisterParams(StrictModel):
    """The `register:` section of a use case."""

    model: RegistryName
    experiment: RegistryName
    alias: RegistryName = "candidate"
    approval: bool = Field(
        default=False,
        description="whether a second person has to approve the very model, by signature",
    )
