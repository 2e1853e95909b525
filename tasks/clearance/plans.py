"""The plan as it lies here now, and whether it is the one that was sealed before training."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.plan import MARK_DIGITS, Plan
from tasks.clearance.configuration import configuration_now
from tasks.config.case_paths import resolved_path
from tasks.config.resolving import field_of
from tasks.errors import Refusal, RefusalKind
from tasks.formats.canonical_json import canonical
from tasks.formats.yaml_file import read_yaml
from tasks.path import GATES, SEALING, SUBJECTS
from tasks.verifier.lineage import Chain, short

GATES_PART = "gates"  # the table of gates itself: which there are, and what each has to judge
MOST_NAMES = 10  # of settings in one line for people; `./portcullis attempts` lists all
DEPTH = 3  # words of a setting's name: `limits.fairness.theil_index`
FILE_FIELDS = {"path", "sha256"}  # of a `CaseFile`, which is one setting


def plan_now(case: str, workspace: Path) -> Plan:
    """Return the plan of a use case, as its configuration lies in a workspace.

    It is what a verdict of any gate has to be made by. A gate that is added to the table is in it
    without a line here. Sources and how they are joined are not: what they come to is known by its
    digest. Nor is code, which every statement names, and the policy compares.
    """
    # The table as well as its gates' settings: a tree that drops a gate would have no setting that
    # differs.
    parts = {GATES_PART: sha256(canonical(_gate_table())).hexdigest()}
    for gate in GATES:
        parts |= configuration_now(gate.name, case, workspace)

    values = read_yaml(workspace / resolved_path(case))
    settings = {
        # Marks and not values: statements go to outsiders, and a setting may name a column or a
        # group. They say which settings differ between two plans; the whole digests say that some
        # do.
        name: sha256(canonical(value)).hexdigest()[:MARK_DIGITS]
        for section in SEALING.sections
        if (section_values := field_of(values, section)) is not None
        for name, value in _settings(section, section_values, DEPTH - 1)
    }
    return Plan(parts, settings)


def plan_refusals(chain: Chain, workspace: Path) -> tuple[Refusal, ...]:
    """Return why a model was not trained under the plan that lies in a workspace now."""
    made = chain.sealing
    if made is None:
        return ()  # nothing is known of how it was made, and that is refused by itself

    again = f"`dvc repro --force --single-item {SEALING.name}@{chain.case}` trains anew"
    place = f"plan: {SEALING.name}, entry {made.signed.index}"
    if chain.plan is None:
        text = f"{place} sealed none before it trained; {again}"
        return (Refusal(RefusalKind.PLAN_UNSEALED, text),)

    now = plan_now(chain.case, workspace)
    if now.sha256 == chain.plan.sha256:
        return ()
    text = (
        f"{place} sealed {short(chain.plan.sha256)}, and here is {short(now.sha256)}: "
        f"{name_some(chain.plan.differences(now))} changed after training. Another plan is another "
        f"attempt: {again}, or undo the change"
    )
    return (Refusal(RefusalKind.PLAN_CHANGED, text),)


def name_some(names: tuple[str, ...]) -> str:
    """Return names in a line; of many, the first, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(f"`{name}`" for name in names[:MOST_NAMES]) + more


def _gate_table() -> dict[str, list[str]]:
    return {gate: list(subjects) for gate, subjects in SUBJECTS.items()}


def _settings(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the settings below a section, by dotted name."""
    is_leaf = not isinstance(value, dict) or not value or value.keys() == FILE_FIELDS
    if is_leaf or depth == 0:
        yield name, value
        return
    for key, inner in value.items():
        yield from _settings(f"{name}.{key}", inner, depth - 1)
