"""What is done to people's data is named by ids that audit logs have held since they began."""

import pytest

from tasks.audit_log.events import CREATE, DELETE, READ, UPDATE
from tasks.notary.audit import ACTIVITIES, PeopleAction


def test_actions_are_those_that_audit_logs_have_named() -> None:
    assert {action.value for action in PeopleAction} == {
        "read rows", "export", "erase", "erased", "hold", "release hold", "lift tombstone",
        "renew key store", "renew journal of erasures",
    }  # fmt: skip


@pytest.mark.parametrize("action", PeopleAction)
def test_every_action_is_an_activity_that_ocsf_knows(action: PeopleAction) -> None:
    assert ACTIVITIES[action] in (CREATE, READ, UPDATE, DELETE)


def test_an_action_reads_as_its_id_in_an_operation() -> None:
    assert f"people:{PeopleAction.LIFT_TOMBSTONE}" == "people:lift tombstone"
