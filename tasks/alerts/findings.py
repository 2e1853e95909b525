"""What a rule found, as an OCSF Detection Finding (2004)."""

from dataclasses import dataclass
from typing import Any

from tasks.alerts.rules import AlertRule
from tasks.audit_log.events import CREATE, OCSF
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json

FINDINGS = 2
DETECTION_FINDING = 2004
RULE = 1  # analytic.type_id
SEVERITIES = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
MOST_EVIDENCE = 20


@dataclass(frozen=True)
class AlertFinding:
    """One rule about one group of events.

    Attributes:
        uid: The same for the same events, whoever evaluates them and however often.
        rule: What fired.
        group: The values that the events agree in, by field.
        start_ms: The time of the first event, in milliseconds.
        end_ms: That of the one by which it fired.
        count: How many events, or different values, there were.
        event_uids: The last of them.
    """

    uid: str
    rule: AlertRule
    group: dict[str, Any]
    start_ms: int
    end_ms: int
    count: int
    event_uids: tuple[str, ...]

    def to_event(self) -> dict[str, Any]:
        """Return the OCSF event; its time is that of what fired it."""
        # OCSF: `class_uid` * 100 + `activity_id`.
        type_uid = DETECTION_FINDING * 100 + CREATE
        name = str(self.group.get("actor.user.name") or "")
        address = str(self.group.get("src_endpoint.ip") or "")
        evidence: dict[str, Any] = {"data": {"event_uids": list(self.event_uids)}}
        if name:
            evidence["actor"] = {"user": {"name": name}}

        if address:
            evidence["src_endpoint"] = {"ip": address}

        return {
            "class_uid": DETECTION_FINDING,
            "category_uid": FINDINGS,
            "activity_id": CREATE,
            "type_uid": type_uid,
            "severity_id": SEVERITIES[self.rule.level],
            "status_id": 1,  # new
            "is_alert": True,
            # Of the events and of no clock, so that a pass that is repeated makes the same bytes.
            "time": self.end_ms,
            "start_time": self.start_ms,
            "end_time": self.end_ms,
            "count": self.count,
            "message": self.rule.title,
            "metadata": {
                "version": OCSF,
                "uid": self.uid,
                "product": {"name": "Portcullis", "vendor_name": "Portcullis"},
            },
            "finding_info": {
                "uid": self.uid,
                "title": self.rule.title,
                "desc": self.rule.description,
                "first_seen_time": self.start_ms,
                "last_seen_time": self.end_ms,
                "related_events_count": self.count,
                "analytic": {"uid": self.rule.id, "name": self.rule.name, "type_id": RULE},
            },
            "evidences": [evidence],
        }


def finding_line(values: dict[str, Any]) -> bytes:
    """Return a finding as it is kept until it is told."""
    return canonical(values)


def read_finding(line: bytes) -> dict[str, Any]:
    """Return a finding that was kept."""
    values: dict[str, Any] = parse_json(line)
    return values
