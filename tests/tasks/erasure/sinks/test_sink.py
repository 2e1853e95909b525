"""What sinks report: sums, and what the journal makes of them."""

import json

from tasks.erasure.sinks import PurgeReport, SinkId

REPORT = PurgeReport(searched=3, rewritten=2, removed=1, left=("a line",), unseen=("another",))


def test_reports_add_up_and_no_line_is_lost() -> None:
    total = REPORT + PurgeReport(searched=1, left=("more",))

    assert total == PurgeReport(4, 2, 1, ("a line", "more"), ("another",))


def test_nothing_added_changes_nothing() -> None:
    assert REPORT + PurgeReport() == REPORT


def test_a_report_comes_back_from_json_as_it_was() -> None:
    assert PurgeReport.from_dict(json.loads(json.dumps(REPORT.to_dict()))) == REPORT


def test_the_fields_are_those_that_journals_and_receipts_have() -> None:
    names = ["searched", "rewritten", "removed", "left", "unseen", "planned"]

    assert list(REPORT.to_dict()) == names


def test_sinks_are_those_that_journals_and_receipts_name() -> None:
    names = [sink_id.value for sink_id in SinkId]

    assert names == [
        *("MLflow", "Prefect", "workspace", "versions", "scratch", "state", "git"),
        "texts of others",
    ]
