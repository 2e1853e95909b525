"""The `register:` section of a use case."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.config.strict import StrictModel

# The registry's names become a folder of artifacts and a text in its query: no `/`, no quote.
RegistryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .-]*$", max_length=200)]
SERVING_ALIAS = "champion"


def _refuse_serving(alias: str) -> str:
    # In any case of letters: an alias that only looks like another one would serve by mistake.
    if alias.casefold() == SERVING_ALIAS:
        raise ValueError(f"`{SERVING_ALIAS}` is what serves: `./portcullis promote` gives it")
    return alias


class RegisterParams(StrictModel):
    """The `register:` section of a use case."""

    model: RegistryName = Field(description="the model's name in MLflow; no other use case has it")
    experiment: RegistryName = Field(description="the experiment in MLflow that runs belong to")
    alias: Annotated[RegistryName, AfterValidator(_refuse_serving)] = Field(
        default="candidate",
        description="what the newest registered version is called, as in "
        "`models:/claims@candidate`",
    )
    approval: bool = Field(
        default=False,
        description="whether a second person has to approve the very model, by signature",
    )
