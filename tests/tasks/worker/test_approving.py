"""A run waits for a second person where nothing but an approval is lacking, whoever asks for it."""

from pathlib import Path

import pytest

from tasks.clearance.check import Clearance
from tasks.errors import Refusal, RefusalKind
from tasks.verifier.lineage import Chain
from tasks.worker import approving
from tests.installations import installation_at

MISSING = Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved this model")
EXPIRED = Refusal(RefusalKind.APPROVAL_EXPIRED, "approval: that of entry 3 has expired")
BY_LAW = Refusal(RefusalKind.IN_FORCE_APPROVAL_MISSING, "approval: 0 of 1 people approved it")
FAILED = Refusal(RefusalKind.CHECK_FAILED, "approval: a text that begins like another's")


@pytest.mark.parametrize(
    ("refusals", "is_lacking"),
    [
        ((MISSING,), True),
        ((MISSING, EXPIRED), True),
        ((BY_LAW,), True),
        ((), False),
        ((MISSING, FAILED), False),
        ((FAILED,), False),
    ],
)
def test_a_run_waits_for_a_second_person_by_the_kinds_of_its_refusals(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusals: tuple[Refusal, ...],
    is_lacking: bool,
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_MANDATE", raising=False)
    clearance = Clearance(Chain("tiny", "0" * 64, (), {}, (), ()), refusals)
    monkeypatch.setattr(approving, "clear_model", lambda *_, **__: clearance)

    lacking = approving.lacks_only_approval("tiny", "0" * 64, installation_at(tmp_path))
    assert lacking is is_lacking
