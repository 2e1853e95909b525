"""The rules that fire, as `docs/detections.py` converted them from Sigma."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.formats.strict_json import parse_json

RULES = Path(__file__).with_name("rules.json")


@dataclass(frozen=True)
class AlertRule:
    """One rule.

    Attributes:
        id: Sigma's id.
        name: What automations and people call it; stable.
        title: For people.
        description: For people.
        level: `low`, `medium`, `high` or `critical`.
        sql: Selects from `events` the events that count.
        fields: Which fields of an event `sql` asks for.
        group_by: Events count together that agree in these fields.
        seconds: How far apart the first and the last of them may be; and how long the rule is quiet
            about a group after it fired.
        threshold: How many make it fire.
        distinct: The field whose different values are counted; empty where events are.
    """

    id: str
    name: str
    title: str
    description: str
    level: str
    sql: str
    fields: tuple[str, ...]
    group_by: tuple[str, ...]
    seconds: int
    threshold: int
    distinct: str


def read_alert_rules(path: Path = RULES) -> tuple[AlertRule, ...]:
    """Return all rules."""
    # Converted beforehand (docs/detections.py): Sigma's converter is a tool, and not shipped.
    listed: list[dict[str, Any]] = parse_json(path.read_bytes())
    return tuple(
        AlertRule(
            **values | {"fields": tuple(values["fields"]), "group_by": tuple(values["group_by"])}
        )
        for values in listed
    )
