"""Ask a second person for approval on Prefect's pages, by a form that is not trusted.

The form takes an envelope that the approver has signed with their own key, on their own machine
(`./portcullis approve … --print`). It is checked exactly as if it came from a terminal. Who filled
in the form does not matter.
"""

from uuid import UUID

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import read_flow_run_input
from prefect.input.run_input import Keyset, keyset_from_paused_state
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from prefect.states import Suspended
from pydantic import Field

from flows.steps.where import ReleasePlace
from tasks.errors import PortcullisError

# After a month Prefect has the suspended run fail; a new one asks again.
MOST_WAIT_SECONDS = 30 * 24 * 3600


class ApprovalForm(RunInput):
    """What a person fills in before a suspended run resumes."""

    envelope: str = Field(
        title="Signed approval",
        description="What `./portcullis approve <use case> --model … --reason … --expires … "
        "--print` printed.",
    )

    @classmethod
    def save(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Store the form with the flow run, unless it is there: the server takes a key once."""
        if read_flow_run_input(keyset["schema"], flow_run_id=flow_run_id) is None:
            super().save(keyset, flow_run_id)


def ask_for_approval(case: str, place: ReleasePlace) -> None:
    """Suspend a deployed run until somebody hands in an approval.

    An approval that does not count leaves registration shut. A run that was started from a terminal
    is not suspended: it ends blocked, and says what to do.
    """
    # A run from a terminal has nobody at a form: it would wait there, and its command with it.
    if not deployment.id or not (model := place.lacks_only_approval()):
        return

    description = (
        f"**{case}** waits for a second person. Model `sha256:{model}`. "
        "On your own machine, with your own key:\n\n"
        f"`./portcullis approve {case} --model sha256:{model} --reason … --expires … --print`"
    )
    form = ApprovalForm.with_initial_data(description=description, envelope="")
    # Prefect suspends a run once for each key, and gives the answer where the resumed run comes
    # here again. By the model: another one asks anew.
    key = f"approval-{model[:16]}"

    # Prefect announces the state first and stores the form after it (prefect/flow_runs.py,
    # suspend_flow_run: the call of propose_state_sync stands before wait_for_input.save, in 3.8.8).
    # Whoever answers in between is turned away with "Run input schema not found". So the form is
    # stored first, and Prefect's own `save` finds it there.
    form.save(keyset_from_paused_state(Suspended(pause_key=key)))
    answer = suspend_flow_run(wait_for_input=form, timeout=MOST_WAIT_SECONDS, key=key)
    record_approval(place, answer.envelope)


def record_approval(place: ReleasePlace, text: str) -> bool:
    """Record the envelope in a form's answer if it counts, and say whether it does."""
    try:
        place.record_consent(text)
    # Not raised: registration stays shut by itself, and says in its refusal what is missing.
    except PortcullisError as error:
        get_run_logger().error("the form's approval does not count: %s", error)
        return False
    return True
