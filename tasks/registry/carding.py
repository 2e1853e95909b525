"""What the registry shows of a model that is let in: its card, parameters, data and page."""

import re
from typing import TYPE_CHECKING, Any

from tasks.config.words import Words, words_of
from tasks.gates import Check, Outcome, Verdict
from tasks.notary.attempts import AttemptNotes
from tasks.notary.notary import Recorded
from tasks.path import PUBLISHED_PAGES, STAGES
from tasks.release_page.composing import PICTURES, ReleaseFacts, compose_release
from tasks.release_page.gates import SIGNS, GateRow
from tasks.release_page.record import ReleaseRecord
from tasks.release_page.writing import digests_of
from tasks.reports import count_outcomes, render_page
from tasks.stages.workspace import StageRun

if TYPE_CHECKING:
    from tasks.registry.client import TrainingData
    from tasks.registry.describing import ModelCard

MOST_PARAMETER_CHARACTERS = 500
# MLflow takes letters, digits, `_ - . / :` and blanks; `/` begins a group of charts.
NO_METRIC = re.compile(r"[^\w\-. ]+")

Verdicts = dict[str, Verdict]


def training_parameters(case_values: dict[str, Any]) -> dict[str, str]:
    """Return the settings of training by dotted names; of what is left out, the names alone."""
    train = dict(case_values.get("train") or {})
    left_out = train.pop("left_out", None)
    parameters = dict(_flattened(train, "train"))
    if left_out:
        parameters["train.left_out"] = ", ".join(left_out)
    return {name: value[:MOST_PARAMETER_CHARACTERS] for name, value in parameters.items()}


def _flattened(values: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in values.items():
        dotted = f"{prefix}.{name}"
        flat += _flattened(value, dotted) if isinstance(value, dict) else [(dotted, str(value))]
    return flat


def name_words(words: Words) -> dict[str, str]:
    """Return what columns and outcomes are called, as parameters: MLflow lists and compares these.

    Metrics go on under the names of columns: charts over versions would break at another label.
    """
    labels = {f"words.{column}": words.label_of(column) for column in words.columns}
    if words.outcomes is None:
        return labels

    return {
        **labels,
        "words.outcome.favourable": words.favourable,
        "words.outcome.unfavourable": words.unfavourable,
    }


def name_metrics(verdicts: Verdicts) -> dict[str, float]:
    """Return metric -> value, by names that MLflow shows: `fairness.disparate_impact_ratio/black`.

    What was not measured is no metric, for MLflow knows numbers only (`list_unmeasured` names it).
    Two checks never share a name: a second value would be taken for a later step of the first.
    """
    metrics: dict[str, float] = {}
    for verdict in verdicts.values():
        for check in verdict.checks:
            if check.value is None:
                continue
            name = _metric_name(check)
            number = 2
            # Names of groups lose their signs for MLflow's sake, so that two of them may become
            # one.
            while name in metrics:
                name = f"{_metric_name(check)} {number}"
                number += 1
            metrics[name] = check.value

    return metrics


def _metric_name(check: Check) -> str:
    parts = [str(value) for value in check.about.to_dict().values()]
    return "/".join((str(check.id), *(NO_METRIC.sub("-", part).strip("- ") for part in parts)))


def list_unmeasured(verdicts: Verdicts) -> str:
    """Return the keys of the checks that were not measured, for a tag."""
    keys = [
        check.key
        for verdict in verdicts.values()
        for check in verdict.checks
        if check.value is None
    ]
    return ", ".join(keys)[:MOST_PARAMETER_CHARACTERS] or "none"


def describe_training_data(stage_run: StageRun, decision_about: dict[str, str]) -> "TrainingData":
    """Return the dataset that the model learnt from: sealed rows, by digest and count."""
    from tasks.registry.client import TrainingData

    report = stage_run.read_json("train", "report.json")
    rows = report.get("rows", {}).get("unsealed")
    return TrainingData(
        name=f"{stage_run.case}/redact/rows",
        sha256=decision_about.get("redact/rows.parquet", ""),
        # What the report does not say is not known, and no 0.
        rows=rows if isinstance(rows, int) else None,
        columns=tuple(map(str, report.get("features", ()))),
    )


def make_card(
    stage_run: StageRun, verdicts: Verdicts, decided: Recorded, dossier: str = ""
) -> "ModelCard":
    """Return the short card: what the model is for, what each gate came to, and its dossier."""
    from tasks.registry.describing import ModelCard

    values = stage_run.case_values
    return ModelCard(
        title=str(values.get("title", stage_run.case)),
        purpose=str(values.get("purpose", "")),
        decided_by=f"entry {decided.index} of the ledger",
        gates=tuple(
            (gate, verdict.outcome.text, count_outcomes(list(verdict.checks)))
            for gate, verdict in verdicts.items()
        ),
        dossier=dossier,
    )


def render_release(
    stage_run: StageRun, verdicts: Verdicts, decided: Recorded, notes: AttemptNotes
) -> str:
    """Return the page of the release as it is published: with links to what is published, too.

    It is made before the registry is asked, so it names the decision, and no version.
    """
    values = stage_run.case_values
    doubts = sum(
        check.outcome is Outcome.UNDECIDED
        for verdict in verdicts.values()
        for check in verdict.checks
    )
    accepted = f"; {doubts} undecided, each accepted by a second person's signature"
    rows = tuple(
        GateRow(gate, SIGNS[verdict.outcome], str(len(verdict.checks)), "", verdict)
        for gate, verdict in verdicts.items()
    )
    record = ReleaseRecord(
        case=stage_run.case,
        reached=frozenset(STAGES),
        outcome=f"Let in by entry {decided.index} of the ledger" + (accepted if doubts else ""),
        attempts=(notes.summary, *notes.lines),
        earlier=notes.earlier,
    )
    pages = frozenset(
        stage for stage in PUBLISHED_PAGES if (stage_run.data / stage / "page").is_dir()
    )
    facts = ReleaseFacts(
        title=str(values.get("title", stage_run.case)),
        purpose=str(values.get("purpose", "")),
        digests=digests_of(rows),
        registered_as="",
        words=words_of(values),
        pages=pages,
        pictures=frozenset(
            f"{stage}/{file}"
            for stage, file, _, _ in PICTURES
            if stage in pages and (stage_run.data / stage / "page" / file).is_file()
        ),
    )
    return render_page(compose_release(record, rows, facts))
