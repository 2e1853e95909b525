"""The `promote:` section: nothing that protects people has a default."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.config.cases import section
from tasks.promotion.params import PromoteParams
from tasks.stages.register.params import RegisterParams
from tests.tasks.judged import CHECKOUT
from tests.tasks.promotion.conftest import RULE


def test_the_shipped_cases_have_a_rule() -> None:
    for case in ("loan", "claims"):
        assert section(case, "promote", PromoteParams, CHECKOUT).alias == "champion"


@pytest.mark.parametrize("name", list(RULE))
def test_every_field_has_to_be_there(name: str) -> None:
    with pytest.raises(ValidationError):
        PromoteParams(**{key: value for key, value in RULE.items() if key != name})


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": -0.1},
        {"tolerance": "nan"},
        {"disparity": {}},
        {"disparity": {"fairness.disparate_impact_ratio": -1}},
        {"disparity": {"train.auc_lower_end": 0.1}},
        {"metric": "auc"},
        {"metric": "nothing.auc"},
        {"direction": "up"},
        {"without_champion": "yes"},
        {"more": 1},
    ],
)
def test_what_is_no_rule_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PromoteParams(**(RULE | changes))


def test_another_rule_has_another_digest() -> None:
    rule = PromoteParams(**RULE)
    assert rule.sha256 == PromoteParams(**RULE).sha256
    for changes in ({"tolerance": 0.02}, {"without_champion": "refused"}):
        assert PromoteParams(**(RULE | changes)).sha256 != rule.sha256
    assert "worse by at most 0.01" in rule.text


@pytest.mark.parametrize("alias", ["champion", "Champion", "CHAMPION"])
def test_no_release_gives_the_alias_that_serves(alias: str) -> None:
    with pytest.raises(ValidationError, match="promote"):
        RegisterParams(model="loan", experiment="loan", alias=alias)
