"""The stage `register`: trusts no file's word, checks everything again, then publishes, or refuses with exit 3."""

import logging
import os

from tasks.attestation.run_context import find_commit
from tasks.clearance.check import clear_model
from tasks.errors import RefusedError
from tasks.gates import Verdict
from tasks.gates.decision import SUBJECTS, Decision
from tasks.path import GATES
from tasks.stages.register.params import RegisterParams
from tasks.stages.weighing import gather, refusals_that_stand
from tasks.stages.workspace import Work

# Pages about the data stay here: they describe more people than the model decides about.
PUBLISHED_PAGES = tuple(gate.name for gate in GATES if gate.judges_model and gate.has_page)

logger = logging.getLogger("portcullis.register")


def run(work: Work) -> None:
    """Register the model if, and only if, every gate passed about exactly these bytes."""
    params = work.params(RegisterParams)
    decision = gather(work)
    cleared = clear_model(work.case, decision.model_sha256, work.root)
    written = refusals_that_stand(decision.gates, is_cleared=not cleared.refusals)
    if refusals := (*_circumstances(work, decision), *written, *cleared.refusals):
        raise RefusedError(
            f"register@{work.case}", refusals, remedy="Mend what failed, never the limit."
        )
    _publish(work, params, decision)


def _circumstances(work: Work, decision: Decision) -> tuple[str, ...]:
    """Return why this is no moment to register, whatever the verdicts say."""
    from tasks.config.sources import Sources, lapsed
    from tasks.erasure.currency import outdated
    from tasks.pipeline.runner import stale

    lines = []
    if os.environ.get("DVC_EXP_BASELINE_REV"):
        lines.append(
            "register: an experiment (`dvc exp run`) never registers; release from a committed workspace"
        )
    lines += [
        f"register: {line}, so what was judged is not what lies here"
        for line in stale("decide", work.case)
    ]
    lines += [f"register: {line}" for line in lapsed(work.params(Sources, "sources"))]
    lines += [f"erasure: {line}" for line in outdated(work)]
    written = work.read_json("decide", "decision.json")
    if (
        written.get("model_sha256") != decision.model_sha256
        or written.get("about") != decision.about
    ):
        lines.append(
            "register: the decision that was written is about something else; run `decide` again"
        )
    return tuple(lines)


def _publish(work: Work, params: RegisterParams, decision: Decision) -> None:
    from tasks.registry import Release, publish

    verdicts = {gate: work.read_verdict(gate) for gate in SUBJECTS}
    pages = {stage: work.data / stage / "page" for stage in PUBLISHED_PAGES}
    release = Release(
        name=params.model,
        experiment=params.experiment,
        alias=params.alias,
        model_folder=work.input("train", "model"),
        model_sha256=decision.model_sha256,
        decision_sha256=work.inputs["decide/decision.json"],
        params={"use_case": work.case, "limits_sha256": decision.limits_sha256},
        metrics=_metrics(verdicts),
        tags=_tags(work, decision),
        documents={
            **{f"pages/{stage}": path for stage, path in pages.items() if path.is_dir()},
            **{f"evidence/{gate}": work.data / gate / "verdict.json" for gate in SUBJECTS},
            "evidence/decide": work.input("decide", "decision.json"),
        },
    )
    published = publish(release, work.root)
    work.write_report(published.receipt, "receipt.json")
    done = "registered" if published.is_new else "was registered already"
    logger.info(
        "%s version %s %s in %s as `%s`",
        params.model,
        published.version,
        done,
        published.registry,
        params.alias,
    )


def _metrics(verdicts: dict[str, Verdict]) -> dict[str, float]:
    return {
        f"{gate}/{check.measure}": check.value
        for gate, verdict in verdicts.items()
        for check in verdict.checks
        if check.value is not None
    }


def _tags(work: Work, decision: Decision) -> dict[str, str]:
    """Return what a reader of the registry needs to find the way back: commit, data digests, outcomes."""
    commit = find_commit(work.root)
    data = {
        f"portcullis.data.{name}": digest
        for name, digest in decision.about.items()
        if name.endswith("rows.parquet")
    }
    from tasks.erasure.currency import trained_on
    from tasks.registry.client import TRAINED_ON_TAG

    return {
        TRAINED_ON_TAG: trained_on(work),
        "portcullis.use_case": work.case,
        "portcullis.git_commit": commit.sha or "no git",
        "portcullis.git_dirty": str(bool(commit.dirty)).lower(),
        **{f"portcullis.gate.{gate.gate}": gate.outcome.value for gate in decision.gates},
        **data,
    }
