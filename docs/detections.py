"""Convert the rules in configs/siem: `.venv/bin/python docs/detections.py`.

Writes `configs/siem/splunk/*.spl` (searches for Splunk) and `tasks/alerts/rules.json` (conditions
in SQL, and what is counted, for our own alerts). A test says when they are stale.
"""

import json
from pathlib import Path
from typing import Any

from sigma.backends.splunk.splunk import SplunkBackend
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import AddConditionTransformation, FieldMappingTransformation
from sigma.rule import SigmaRule

WORKSPACE = Path(__file__).resolve().parents[1]
SOURCES = WORKSPACE / "configs" / "siem"
SEARCHES = SOURCES / "splunk"
COMPILED = WORKSPACE / "tasks" / "alerts" / "rules.json"
# What a condition without a count is grouped by, and how long it is quiet after it fired.
SINGLE_GROUP = ["actor.user.name", "src_endpoint.ip"]
SINGLE_SECONDS = 600


def read_rules(folder: Path = SOURCES) -> SigmaCollection:
    """Return all rules, those that count tied to those that they count."""
    return SigmaCollection.load_ruleset([folder])


def searches(rules: SigmaCollection) -> dict[str, str]:
    """Return the search of each rule that fires, by the name of its file."""
    backend = SplunkBackend(
        ProcessingPipeline(
            items=[
                ProcessingItem(AddConditionTransformation({"sourcetype": "ocsf:json"})),
                # Splunk calls a list's values so.
                ProcessingItem(FieldMappingTransformation({"unmapped.roles": "unmapped.roles{}"})),
            ]
        )
    )
    converted: dict[str, str] = {}
    # What is counted comes first, wherever it stands in its file.
    for rule in sorted(rules.rules, key=lambda rule: isinstance(rule, SigmaCorrelationRule)):
        # Of what is only counted there is no search of its own, but its conversion is needed.
        if isinstance(rule, SigmaRule):
            queries = backend.convert_rule(rule)
        else:
            queries = backend.convert_correlation_rule(rule)
        if is_firing(rule):
            (search,) = queries
            converted[f"{rule.name}.spl"] = f"{search}\n"
    return converted


def compiled(rules: SigmaCollection) -> list[dict[str, Any]]:
    """Return the rules that fire, as our own alerts evaluate them."""
    return [_compiled(rule) for rule in rules.rules if is_firing(rule)]


def is_firing(rule: SigmaRule | SigmaCorrelationRule) -> bool:
    """Say whether a rule fires by itself, and is not there to be counted."""
    return isinstance(rule, SigmaCorrelationRule) or not rule._backreferences


def _compiled(rule: SigmaRule | SigmaCorrelationRule) -> dict[str, Any]:
    backend = sqliteBackend(table="events", collate_nocase=True)  # type: ignore[no-untyped-call]
    counted = rule
    count: dict[str, Any] = {
        "group_by": SINGLE_GROUP,
        "seconds": SINGLE_SECONDS,
        "threshold": 1,
        "distinct": "",
    }
    if isinstance(rule, SigmaCorrelationRule):
        assert rule.rules is not None
        assert len(rule.rules) == 1, rule.name
        reference = rule.rules[0]
        counted = reference.rule
        condition = rule.condition
        assert isinstance(condition, SigmaCorrelationCondition)
        assert condition.op.name == "GTE", rule.name
        count = {
            "group_by": rule.group_by or [],
            "seconds": rule.timespan.seconds,
            "threshold": condition.count,
            "distinct": condition.fieldref or "",
        }
    assert isinstance(counted, SigmaRule)
    # Asked for alone: what a rule is counted by does not change its own condition.
    alone = SigmaRule.from_dict(counted.to_dict())
    (sql,) = backend.convert_rule(alone)  # type: ignore[no-untyped-call]
    return {
        "id": str(rule.id),
        "name": rule.name,
        "title": rule.title,
        "description": str(rule.description),
        "level": str(rule.level).lower(),
        "sql": sql,
        "fields": sorted(backend.required_fields(alone)),  # type: ignore[no-untyped-call]
        **count,
    }


def main() -> None:
    """Write all of it."""
    SEARCHES.mkdir(exist_ok=True)
    written = searches(read_rules())
    for name, text in written.items():
        (SEARCHES / name).write_text(text, encoding="utf-8")
    for path in SEARCHES.glob("*.spl"):
        if path.name not in written:
            path.unlink()
    COMPILED.parent.mkdir(exist_ok=True)
    # Read again: a conversion changes the names of fields in the rules themselves.
    COMPILED.write_text(rules_text(read_rules()), encoding="utf-8")


def rules_text(rules: SigmaCollection) -> str:
    """Return `tasks/alerts/rules.json`."""
    return json.dumps(compiled(rules), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
