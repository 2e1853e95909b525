"""What the registry shows of a model: names that MLflow takes, and nothing measured twice."""

import re
from pathlib import Path

from tasks.gates import About, at_least, not_measured
from tasks.gates.verdict import Verdict
from tasks.notary.attempts import AttemptNotes
from tasks.notary.notary import Recorded
from tasks.path import GATES
from tasks.registry.carding import (
    describe_training_data,
    list_unmeasured,
    make_card,
    name_metrics,
    render_release,
    training_parameters,
)
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.workspace import StageRun
from tests.installations import installation_at
from tests.tasks.judged import CASE, judged

MLFLOW_TAKES = re.compile(r"[\w\-. :/]+")


def verdict_about(*groups: str) -> dict[str, Verdict]:
    checks = tuple(
        at_least(FairnessCheck.DISPARATE_IMPACT_RATIO, "m", 1.0, 0.8, about=About("race", group))
        for group in groups
    )
    unmeasured = not_measured(FairnessCheck.THEIL_INDEX, "t", expected="≤ 1", reason="declared")
    return {"fairness": Verdict("fairness", CASE, (*checks, unmeasured), "0" * 64)}


def test_metrics_have_names_that_mlflow_takes_grouped_by_check() -> None:
    names = set(name_metrics(verdict_about("black / male", "<b>", "ä")))
    assert all(MLFLOW_TAKES.fullmatch(name) for name in names)
    assert "fairness.disparate_impact_ratio/race/black - male" in names


def test_two_checks_never_share_a_metric() -> None:
    assert len(name_metrics(verdict_about("a?", "a!", "a#"))) == 3


def test_what_was_not_measured_is_no_metric_and_is_named() -> None:
    verdicts = verdict_about("a")
    assert len(name_metrics(verdicts)) == 1
    assert list_unmeasured(verdicts) == "fairness.theil_index"
    verdicts["fairness"] = Verdict("fairness", CASE, verdicts["fairness"].checks[:1], "0" * 64)
    assert list_unmeasured(verdicts) == "none"


def test_training_parameters_are_settings_by_dotted_names() -> None:
    train = {"family": "logistic", "parameters": {"C": 0.1}, "left_out": {"age": "a proxy"}}
    assert training_parameters({"train": train}) == {
        "train.family": "logistic",
        "train.parameters.C": "0.1",
        "train.left_out": "age",
    }
    assert training_parameters({}) == {}


def test_the_published_page_links_to_nothing_that_is_not_published(tmp_path: Path) -> None:
    root = judged(tmp_path)
    for gate in ("redact", "fairness"):
        (root / "data" / CASE / gate / "page").mkdir(parents=True)
    stage_run = StageRun("register", CASE, installation_at(root))
    verdicts = {gate.name: stage_run.read_verdict(gate.name) for gate in GATES}
    decided = Recorded(index=41, envelope_sha256="e" * 64, origin="log.example")
    notes = AttemptNotes("", "1 attempt", ())
    text = render_release(stage_run, verdicts, decided, notes)
    assert text == render_release(stage_run, verdicts, decided, notes)
    assert "../fairness/page/index.html" in text
    assert "../redact/page/index.html" not in text
    assert "entry 41" in text

    card = make_card(stage_run, verdicts, decided)
    assert ("fairness", "pass", f"{len(verdicts['fairness'].checks)} pass") in card.gates
    data = describe_training_data(stage_run, {"redact/rows.parquet": "a" * 64})
    assert (data.rows, data.sha256, data.columns) == (20, "a" * 64, ())
