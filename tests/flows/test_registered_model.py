"""A registered model answers, where nothing of ours is, exactly what the stages judged."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import served
from tests.alone import run_alone, write_rows
from tests.cases import sync_cases
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration

# Runs in the checkout, with its keys: what the stages left about every row.
JUDGED = f"""
import json, os
from pathlib import Path
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation

stage_run = StageRun("explain", "{CASE}", Installation.open(Path(), os.environ))
rows = stage_run.read_rows("redact").astype(object)
predictions = stage_run.read_rows("train", "predictions")
reasons = stage_run.read_rows("explain", "reasons").astype(object)
print(json.dumps({{
    "columns": list(rows.columns),
    "rows": rows.where(rows.notna(), None).values.tolist(),
    "score": [float(score).hex() for score in predictions["score"]],
    "approved": predictions["approved"].tolist(),
    "reasons": reasons.where(reasons.notna(), None).to_dict("records"),
}}))
"""


def judged(workspace: Workspace) -> Any:
    return json.loads(workspace.run(sys.executable, "-c", JUDGED).stdout.splitlines()[-1])


def answered(workspace: Workspace, rows: Any, folder: Path) -> Any:
    """Load what the alias names, by its own requirements alone, and ask it about the rows."""
    artefacts = (workspace.home / "mlartifacts" / CASE).glob("*/artifacts/model/requirements.txt")
    requirements = max(artefacts, key=lambda path: path.stat().st_mtime)
    return run_alone(
        requirements,
        served.__file__,
        f"sqlite:///{workspace.home / 'mlflow.db'}",
        f"models:/{CASE}@candidate",
        str(write_rows(rows["columns"], rows["rows"], folder / "rows.json")),
        home=folder / "elsewhere",
    )


def test_it_answers_bit_for_bit_what_was_judged(workspace: Workspace, tmp_path: Path) -> None:
    stages = judged(workspace)
    answers = answered(workspace, stages, tmp_path)
    assert answers["house"] == []
    assert answers["score"] == stages["score"]
    words = ["approved" if approved else "declined" for approved in stages["approved"]]
    assert answers["decision"] == words
    assert "declined" in words

    explained = {record["row"]: record for record in stages["reasons"]}
    path = workspace.root / "configs" / CASE / "reasons.yaml"
    texts = {one["code"]: one["text"] for one in yaml.safe_load(path.read_text())["reasons"]}
    for row, word in enumerate(words):
        for position in range(1, 5):
            name = f"reason_{position}"
            code = explained[row][name] if word == "declined" else None
            assert answers[name][row] == code
            assert answers[f"{name}_text"][row] == (texts[code] if code else None)


def test_other_words_for_a_reason_are_another_model_and_the_alias_names_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = json.loads(workspace.path("register/receipt.json").read_text())["model_sha256"]
    path = workspace.root / "configs" / CASE / "reasons.yaml"
    path.write_text(path.read_text().replace("of the applicant", "that was stated"))
    sync_cases(workspace.root)
    workspace.dvc("repro", f"register@{CASE}")

    after = json.loads(workspace.path("register/receipt.json").read_text())["model_sha256"]
    assert after != before
    assert sorted(workspace.versions()) == ["1", "2"]
    answers = answered(workspace, judged(workspace), tmp_path)
    said = {text for text in answers["reason_1_text"] if text}
    assert said
    assert all(text.endswith("that was stated") for text in said)


def test_the_registry_says_what_a_version_is_and_by_which_code(workspace: Workspace) -> None:
    script = (
        "import json, os; from pathlib import Path; from mlflow import MlflowClient;"
        "from tasks.registry.client import registry_uri;"
        "from tasks.system.installation import Installation;"
        "client = MlflowClient(registry_uri(Installation.open(Path(), os.environ)));"
        f"version = client.get_model_version_by_alias('{CASE}', 'candidate');"
        "run = client.get_run(version.run_id);"
        "print(json.dumps([version.description, version.tags, run.data.params]))"
    )
    shown = workspace.run(sys.executable, "-c", script).stdout.splitlines()[-1]
    description, tags, params = json.loads(shown)
    assert f'mlflow.pyfunc.load_model("models:/{CASE}@candidate")' in description
    contract = json.loads(workspace.path("train/model/contract.json").read_text())
    assert tags["portcullis.code_sha256"] == contract["code_sha256"]
    assert tags["portcullis.reason_map"] == "1"
    assert params["family"] == "lightgbm"
