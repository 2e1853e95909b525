"""Where a step of a serving alias is taken: here, or with the worker's service.

A step is decided by the rule of a commit and signed by who judged the model. In enforced mode that
is the service, whose ledger and registry nobody else writes to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.steps.where import ask_service, head_of
from tasks.attestation.predicates.serving.promotion import PromotionStep
from tasks.promotion.approving import record_promotion_approval
from tasks.promotion.moving import promote, roll_back
from tasks.system.installation import Installation


@dataclass(frozen=True)
class StepAnswer:
    """What came of a step: lines for people, and the same as JSON values."""

    lines: tuple[str, ...]
    values: Mapping[str, Any]


def take_step(
    step: PromotionStep,
    case: str,
    alias: str,
    installation: Installation,
    *,
    version: str = "",
    approval: str = "",
) -> StepAnswer:
    """Move a serving alias, if it may be moved.

    Args:
        step: Forward or back.
        case: A use case.
        alias: The serving alias.
        installation: The caller's; `$PORTCULLIS_WORKER` of it says who takes the step.
        version: Its number in the registry; empty for the one that the step means by itself.
        approval: What a second person has signed elsewhere, to be recorded first; empty where it
            stands in the log.

    Raises:
        PortcullisError: As `tasks.promotion.moving` and `record_promotion_approval` say; from the
            service, `RefusedError` and `RemoteError`.
    """
    if installation.settings.worker_socket:
        return _ask_worker(step, case, alias, installation, version=version, approval=approval)

    # Recorded before the step is asked for, which looks for it in the log and nowhere else.
    if approval:
        record_promotion_approval(approval.encode(), case, installation)
    take = promote if step is PromotionStep.PROMOTE else roll_back
    taken = take(case, alias, installation, version=version)
    return StepAnswer(taken.lines, taken.to_dict())


def _ask_worker(
    step: PromotionStep,
    case: str,
    alias: str,
    installation: Installation,
    *,
    version: str,
    approval: str,
) -> StepAnswer:
    lines: list[str] = []
    # The rule is the commit's, not that of the working tree: an approval binds the rule by its
    # digest, and the service judges nothing that is not committed.
    commit = head_of(installation.workspace)
    with ask_service(case, commit, installation, lines.append) as client:
        if approval:
            client.ask(lines.append, do="approve_promotion", envelope=approval)
        answer = client.ask(lines.append, do=step.value, alias=alias, version=version)

    return StepAnswer((*lines, *map(str, answer["lines"])), dict(answer["step"]))
