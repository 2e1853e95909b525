"""Which models were decided on, and which was let in before another, by the ledger."""

from pathlib import Path

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.notary import past_releases
from tasks.notary.attempts import list_releases, note_attempts
from tasks.notary.past_releases import PastRelease
from tasks.path import STAGES, SUBJECTS
from tests.attacks.judging import model_of
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, check, put_verdict, sign_for

BEFORE_REGISTER = tuple(STAGES)[:-1]


@pytest.fixture
def registered(signed: Path) -> Path:
    """Return a workspace whose model is let in."""
    (signed / "data" / CASE / "register").mkdir(exist_ok=True)
    (signed / "data" / CASE / "register" / "receipt.json").write_text("{}")
    sign_for(signed, "register")
    return signed


def train_another(workspace: Path, seed: int, figure: float = 1.0) -> str:
    """Train another model by another plan, judge it with one figure, and decide on it."""
    change_case(workspace, CASE, lambda case: case.update(fairness={"seed": seed}))
    (workspace / "data" / CASE / "train" / "model" / "note.txt").write_text(str(seed))
    for gate in SUBJECTS:
        put_verdict(workspace, gate)
    checks = tuple(check(name, figure) for name in CATALOGUES["fairness"])
    put_verdict(workspace, "fairness", checks=checks)
    for stage in BEFORE_REGISTER:
        sign_for(workspace, stage)
    return model_of(workspace)


def test_the_release_before_is_the_other_model_that_was_let_in_last(registered: Path) -> None:
    here = installation_at(registered)
    first = model_of(registered)
    assert note_attempts(CASE, first, here).earlier is None

    blocked = train_another(registered, 2, figure=0.1)
    second = train_another(registered, 3, figure=0.75)
    sign_for(registered, "register")
    earlier = note_attempts(CASE, second, here).earlier
    assert earlier is not None
    assert earlier.model_sha256 == first != blocked  # which nobody let in
    (value,) = {item.value for item in earlier.checks if item.id.startswith("fairness.")}
    assert value == 1.0  # as it was judged then


def test_every_model_that_was_decided_on_is_listed_with_what_differed(registered: Path) -> None:
    first = model_of(registered)
    second = train_another(registered, 2, figure=0.1)
    releases = list_releases(CASE, installation_at(registered))

    assert [release.model_sha256 for release in releases] == [first, second]
    assert [release.is_registered for release in releases] == [True, False]
    assert [release.gates for release in releases] == [(), ("fairness",)]
    assert releases[1].differs == ("fairness.seed",)
    assert releases[0].decided_on <= releases[1].decided_on
    assert [PastRelease.from_dict(release.to_dict()) for release in releases] == list(releases)


def test_a_refusal_of_before_they_named_their_gate_tells_it_by_its_first_word() -> None:
    old = ("fairness: too low", Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody"))
    assert past_releases._gates_against(old) == ("fairness",)


@pytest.mark.parametrize("values", [None, {}, {"model_sha256": 1}])
def test_what_is_no_past_release_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match="not a past release"):
        PastRelease.from_dict(values)
