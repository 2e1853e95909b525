"""The page of `explain` names what was not measured: no reader is to take it for a pass."""

from pathlib import Path

import pandas as pd

from tasks.gates import Outcome
from tasks.stages.explain.explaining import explain
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.pages import write_explain_page
from tests.tasks.stages.explain.test_explaining import LIMITS, PARAMS, trained_model


def test_an_attribute_that_nobody_could_be_asked_about_stands_on_the_page(tmp_path: Path) -> None:
    applicants, trained, model = trained_model()
    protected = applicants[["race"]].assign(sex=pd.array(["female"] * len(applicants), dtype="str"))
    explained = explain(
        applicants,
        trained.predictions,
        model,
        trained.refits,
        protected,
        PARAMS,
        LIMITS.proxy_strength,
    )
    checks = judge_explanation(explained.report, LIMITS)
    write_explain_page(tmp_path, "tiny", model, explained, checks)

    undecided = [check.key for check in checks if check.outcome is Outcome.UNDECIDED]
    assert undecided == [
        "explain.proxy[attribute=sex]",
        "explain.joint_proxy_inputs[attribute=sex]",
        "explain.joint_proxy_contributions[attribute=sex]",
        "explain.proxy_reason[attribute=sex]",
    ]
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.count("any group (sex)") == 2
    assert "not measured" in text
