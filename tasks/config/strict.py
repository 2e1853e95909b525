"""The base of the models whose values people write, in a file or in code."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# What numpy and scikit-learn take, with room for the seeds that are counted on from it: another
# number would be an error of theirs in the middle of a stage.
Seed = Annotated[int, Field(ge=0, le=2_000_000_000)]


class StrictModel(BaseModel):
    """A frozen model that refuses keys it does not know.

    A misspelt key would otherwise be ignored, and its default hold where somebody meant another
    value. Nor does it take NaN or an infinity as a number, also not as the text "nan": a limit that
    compares with neither would let everything pass. A subclass may add to `model_config`; it
    inherits these settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
