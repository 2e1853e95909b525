"""The stage `register`: it trusts no file, checks everything again, and lets pass or refuses.

It publishes nothing. The worker does, after it has asked the ledger and the policy itself and has
signed the decision (`tasks.worker.publishing`); that also writes this stage's receipt.
"""

from tasks.config.sources import Sources, lapsed, today
from tasks.errors import Refusal, RefusalKind, RefusedError
from tasks.gates.decision import Decision
from tasks.stages.register.currency import find_outdated_reasons
from tasks.stages.register.params import RegisterParams
from tasks.stages.weighing import gather, refusals_that_stand
from tasks.stages.workspace import StageRun


def run(stage_run: StageRun) -> None:
    """Let the model pass if, and only if, every gate passed about exactly these bytes.

    Raises:
        RefusedError: Something speaks against it; all of it is named.
    """
    # Read here although the worker publishes: a section that is wrong refuses before anybody signs.
    stage_run.params(RegisterParams)
    decision = gather(stage_run)
    clearance = stage_run.clearance
    written = refusals_that_stand(decision.gates, is_cleared=not clearance)

    if refusals := (*_circumstances(stage_run, decision), *written, *clearance):
        # The ledger and the verdicts may say the same; a person reads it once, in the order found.
        unique = tuple(dict.fromkeys(refusals))
        raise RefusedError(
            f"register@{stage_run.case}", unique, remedy="Mend what failed, never the limit."
        )


def _circumstances(stage_run: StageRun, decision: Decision) -> tuple[Refusal, ...]:
    """Return why this is no moment to register, whatever the verdicts say."""
    refusals: list[Refusal] = []

    def refuse(kind: RefusalKind, text: str) -> None:
        refusals.append(Refusal(kind, text))

    day = today(stage_run.installation.settings)
    # On the day of registration: days may lie between training and this.
    for line in lapsed(stage_run.params(Sources, "sources"), day):
        refuse(RefusalKind.AGREEMENT_LAPSED, f"register: {line}")
    for line in find_outdated_reasons(stage_run):
        refuse(RefusalKind.MODEL_STALE, f"erasure: {line}")

    written = stage_run.read_json("decide", "decision.json")
    # What people have read is the decision as it was written: it has to be about these bytes, too.
    is_about_this = written.get("model_sha256") == decision.model_sha256
    if not is_about_this or written.get("about") != decision.about:
        refuse(
            RefusalKind.DECISION_FOREIGN,
            "register: the decision that was written is about something else; run `decide` again",
        )
    return tuple(refusals)
