"""The policy's own cases, `configs/policy/cases.yaml`, as the facts that Python would give."""

import copy
from typing import Any

import yaml

from tests.tasks.judged import CHECKOUT

FOLDER = CHECKOUT / "configs" / "policy"
WRITTEN = yaml.safe_load((FOLDER / "cases.yaml").read_text())
CASES = WRITTEN["cases"]


def facts(case: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a case: the base, changed."""
    changed: dict[str, Any] = copy.deepcopy(WRITTEN["base"])
    changed["gates"] = {
        gate: copy.deepcopy(WRITTEN["gate"]) | {"checks": [whole(check) for check in own["checks"]]}
        for gate, own in changed["gates"].items()
    }
    for path, value in copy.deepcopy(case.get("change", {})).items():
        *parents, last = path.split(".")
        place: Any = changed
        for parent in parents:
            place = place[int(parent)] if parent.isdigit() else place[parent]
        if value is None:
            del place[last]
        elif last == "checks":
            place[last] = [whole(check) for check in value]
        else:
            place[last] = value
    return changed


def whole(check: str | dict[str, Any]) -> dict[str, Any]:
    """Return a check as facts have it, of one that may be written as its id alone."""
    if isinstance(check, str):
        named = {"id": check, "key": check, "measure": f"the measure of {check}"}
        return named | {"about": {}, "outcome": "pass"}
    return check
