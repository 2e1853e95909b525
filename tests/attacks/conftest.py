"""One service for all attempts of a worker of the suite: to start it and release takes a minute."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tests.attacks.enforced import SCIENTIST, Enforced, enforced_mode, why_not
from tests.installations import installation_at
from tests.tasks.judged import CASE, attested, judged
from tests.tasks.verifier.signed_log import SignedLog

# What the small use case has nothing to measure of, said in what is in force.
# Its rows are a first version, of which nothing is known to compare with.
UNMEASURED = (
    "packages.vulnerabilities",
    "redact.leak_ratio_own_person",
    "train.auc_lost_to_champion",
    "validate.beyond_support",
    "validate.column_agreement",
    "validate.drift",
    "validate.group_label_rate",
    "validate.join_agreement",
    "validate.joint_drift",
    "validate.label_agreement",
    "validate.label_rate",
)


@pytest.fixture(scope="session")
def service() -> Iterator[Enforced]:
    """Enforced mode with a law, in which the scientist is known; nothing is released yet."""
    if reason := why_not():
        pytest.skip(reason)
    with enforced_mode() as mode:
        mode.enrol("ann", "developer", SCIENTIST, email="t@example.org")
        govern_as_usual(mode)
        yield mode


def govern_as_usual(mode: Enforced) -> None:
    """Put in force what the attempts begin under."""
    unmeasured = [word for check in UNMEASURED for word in ("--may-be-unmeasured", f"tiny:{check}")]
    mode.put_in_force("--least-mode", "enforced", "--ref", "refs/heads/main", *unmeasured)


@pytest.fixture(scope="session")
def released(service: Enforced) -> Enforced:
    """The same, after an honest release."""
    done = service.release()
    assert done.returncode == 0, done.stdout + done.stderr
    return service


@pytest.fixture(scope="session")
def judged_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkout of `judged_case` and its home. Never changed."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        workspace = judged(folder / "checkout")
        decide(StageRun("decide", CASE, installation_at(workspace)))
        attested(workspace)
    return folder


@pytest.fixture
def judged_case(judged_pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout of a use case on one's own machine that is cleared, and not registered yet."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    shutil.copytree(judged_pattern, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path / "checkout"


@pytest.fixture
def signed_log(tmp_path: Path) -> Iterator[SignedLog]:
    """A ledger in which a model was made, judged by every gate, and decided on."""
    log = SignedLog(tmp_path)
    log.say_chain()
    log.say_decided("decide")
    yield log
    log.ledger.close()
