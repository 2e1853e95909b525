"""The base of all parameter models: nothing unknown gets in, and nothing changes afterwards."""

import pytest
from pydantic import ConfigDict, ValidationError

from tasks.config.strict import Seed, StrictModel


class Threshold(StrictModel):
    """A model as a use case's section has them."""

    ratio: float = 0.5


class Stripped(StrictModel):
    """A model that adds a setting of its own."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str


def test_a_misspelt_key_is_refused_although_the_right_one_has_a_default() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Threshold.model_validate({"ration": 0.1})


def test_a_value_cannot_be_changed_after_validation() -> None:
    threshold = Threshold(ratio=0.1)
    with pytest.raises(ValidationError, match="frozen"):
        threshold.ratio = 0.9  # type: ignore[misc] # what must fail


def test_a_subclass_that_adds_a_setting_keeps_both() -> None:
    stripped = Stripped.model_validate({"name": " Ann "})
    assert stripped.name == "Ann"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Stripped.model_validate({"name": "Ann", "nam": "Bo"})
    with pytest.raises(ValidationError, match="frozen"):
        stripped.name = "Bo"  # type: ignore[misc] # what must fail


class Drawn(StrictModel):
    """A model that draws."""

    seed: Seed


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_library_takes_is_refused_before_anything_is_drawn(seed: int) -> None:
    assert Drawn(seed=0).seed == 0
    with pytest.raises(ValidationError):
        Drawn(seed=seed)
