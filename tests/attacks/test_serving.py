"""A data scientist asks the worker's service to have a model serve, without what it takes."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.predicates.serving.promotion import PromotionApproval
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.verifier.lineage import MODEL
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import OUTSIDER, SCIENTIST, WORKER, Enforced
from tests.cases import change_case
from tests.flows.workspace import CASE
from tests.tasks.promotion.conftest import RULE

REFUSED = 3
WRONG = 2


@pytest.fixture(scope="module")
def ruled(released: Enforced) -> Iterator[Enforced]:
    """After an honest release, `main` has a commit with a rule by which a model may serve."""
    with rule(released, RULE):
        yield released


@contextmanager
def rule(mode: Enforced, values: dict[str, Any]) -> Iterator[None]:
    """Have the scientist commit a rule, and the one before again at the end."""
    change_case(mode.checkout, CASE, lambda case: case.update(promote=values))
    mode.commit("rule")
    yield
    for words in (("reset", "-q", "--hard", "HEAD~1"), ("push", "-qf", "origin", "HEAD:main")):
        assert mode.run_as(SCIENTIST, "git", *words).returncode == 0


def command(
    mode: Enforced, login: str, name: str, *words: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command that asks the service, in the scientist's checkout."""
    asked = (str(mode.python), "-m", "flows", name, CASE, *words)
    return mode.run_as(login, *asked, PORTCULLIS_WORKER=str(mode.socket))


def approval(mode: Enforced, key: Path) -> Path:
    """Return a signed approval that the small model serves, by the rule of the last commit."""
    words = (
        "approve", CASE, "--model", f"sha256:{model_of(mode)}", "--to", "champion",
        "--reason", "as good", "--expires", "2099-12-31", "--key", str(key), "--print",
    )  # fmt: skip
    done = mode.run_as(
        WORKER,
        *(str(mode.python), "-m", "flows", *words),
        cwd=mode.workspace,
        PORTCULLIS_HOME=str(mode.state / "home"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    path = mode.folder / SCIENTIST / "approval.json"
    path.write_text(done.stdout, encoding="utf-8")
    path.chmod(0o644)
    return path


def model_of(mode: Enforced) -> str:
    receipt = mode.workspace / "data" / CASE / "register" / "receipt.json"
    return str(json.loads(receipt.read_text())["model_sha256"])


def approval_by_hand(key: Path, model: str) -> bytes:
    """Return what the command would refuse to sign."""
    statement = PromotionApproval(
        case=CASE, person="ann", capacity="", reason="as good", given_on=timestamp(),
        expires="2099-12-31T23:59:59Z", registry_name=CASE, alias="champion", replaces_sha256="",
        rule_sha256="0" * 64,
    ).about(Artefact(f"{CASE}/{MODEL}", model))  # fmt: skip
    return sign(statement.to_bytes(), LocalSigner.load(key)).to_bytes()


def count_entries(mode: Enforced) -> int:
    with closing(sqlite3.connect(f"file:{mode.state}/home/ledger.db?mode=ro", uri=True)) as log:
        ((count,),) = log.execute("SELECT count(*) FROM bodies").fetchall()
    return int(count)


def served(mode: Enforced) -> list[Any]:
    done = json.loads(mode.govern("served", CASE, "--json"))
    return list(done["periods"])


@attempt(
    Kind.PERSON,
    Mode.ENFORCED,
    "the worker's service is asked to have a model serve that no second person approved",
    stopped_by="the worker looks for an approval of exactly this step in the log, and signs for "
    "the refusal",
)
def test_a_model_that_nobody_approved_does_not_serve(ruled: Enforced) -> None:
    done = command(ruled, SCIENTIST, "promote")
    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert "no second person has approved it" in done.stdout
    assert served(ruled) == []


@attempt(
    Kind.PERSON,
    Mode.ENFORCED,
    "who asked for the release approves by her own key that the model serves",
    stopped_by="the approval is weighed before it is recorded: its key has another role, and "
    "nothing of it gets into the log",
)
def test_an_approval_by_who_made_the_model(ruled: Enforced) -> None:
    own = ruled.enrol("ann", "developer", SCIENTIST)
    given = ruled.folder / SCIENTIST / "own.json"
    given.write_bytes(approval_by_hand(own, model_of(ruled)))
    given.chmod(0o644)

    entries = count_entries(ruled)
    done = command(ruled, SCIENTIST, "promote", "--approval", str(given))
    assert done.returncode == WRONG, done.stdout + done.stderr
    assert "expected a key with role `approval`; found key" in done.stderr
    assert count_entries(ruled) == entries
    assert served(ruled) == []


@attempt(
    Kind.LAW,
    Mode.ENFORCED,
    "the rule is made laxer by a commit, after a second person has approved by the one before",
    stopped_by="the approval names the rule by digest: for another one it is none",
)
def test_a_rule_that_is_laxer_than_the_one_that_was_approved(ruled: Enforced) -> None:
    given = approval(ruled, ruled.enrol("val", "approval", OUTSIDER))
    with rule(ruled, {**RULE, "tolerance": 0.5}):
        done = command(ruled, SCIENTIST, "promote", "--approval", str(given))
    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert served(ruled) == []

    # By the rule that was approved, the same approval counts, once.
    done = command(ruled, SCIENTIST, "promote", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert (answer["serves"]["approvedBy"], answer["serves"]["requestedBy"]) == ("val", SCIENTIST)
    assert served(ruled) == [answer["serves"]]


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "the service is asked to go back to a version that never served",
    stopped_by="only a version of the log's own history is gone back to",
)
def test_a_version_that_never_served(ruled: Enforced) -> None:
    before = served(ruled)
    done = command(ruled, SCIENTIST, "rollback", "--version", "7")
    assert done.returncode == WRONG, done.stdout + done.stderr
    assert "one that never did" in done.stderr
    assert served(ruled) == before
