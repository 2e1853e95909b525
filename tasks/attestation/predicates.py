"""What is said in the statements of a run: SLSA provenance v1, in-toto test-result v0.1, SLSA summary (VSA) v1."""

from dataclasses import dataclass, field

from tasks.attestation.artefacts import named
from tasks.attestation.roles import OWN, PROVENANCE, SUMMARY, TEST_RESULT
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import Refusal
from tasks.gates import Outcome, Verdict

BUILD_TYPE = f"{OWN}/stage/v1"
SIGNED_FIELDS = ("id", "about", "measure", "outcome", "value", "limit", "margin")


@dataclass(frozen=True)
class Circumstances:
    """Of one run of a stage, as its worker found them."""

    stage: str
    case: str
    invocation: str
    started: str  # RFC 3339, UTC: for people. Nothing is ordered by it
    finished: str
    started_by: str
    commit: str
    commit_author_sha256: str
    dirty: tuple[str, ...]  # paths of code and configuration that differ from the commit
    params_sha256: dict[str, str]
    lock_sha256: str  # dvc.lock as it was before the stage
    tools: dict[str, str]
    claimed: dict[str, int] = field(
        default_factory=dict
    )  # rows unsealed and shredded: what only the stage can know


def provenance(
    run: Circumstances, materials: tuple[Artefact, ...], products: tuple[Artefact, ...]
) -> Statement:
    """Return the statement that a stage made `products` out of `materials`."""
    source = {
        "uri": "git+.",
        "digest": {"gitCommit": run.commit},
        "annotations": {"dirty": list(run.dirty)},
    }
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "stage": run.stage,
                "useCase": run.case,
                "paramsSha256": run.params_sha256,
            },
            "internalParameters": {"dvcLockSha256": run.lock_sha256},
            "resolvedDependencies": [
                *([source] if run.commit else []),
                *(each.to_dict() for each in materials),
            ],
        },
        "runDetails": {
            "builder": {"id": f"{OWN}/worker/v1", "version": run.tools},
            "metadata": {
                "invocationId": run.invocation,
                "startedOn": run.started,
                "finishedOn": run.finished,
            },
            "byproducts": [
                {"name": f"rows {name}", "annotations": {"count": n}}
                for name, n in run.claimed.items()
            ],
        },
        "portcullis_startedBy": run.started_by,
        "portcullis_commitAuthorSha256": run.commit_author_sha256,
    }
    return Statement(products, PROVENANCE, predicate)


def test_result(
    run: Circumstances,
    verdict: Verdict,
    report: Artefact,
    judged: tuple[Artefact, ...],
    configuration: tuple[Artefact, ...],
) -> Statement:
    """Return the statement that a gate judged `judged` by `configuration`.

    `undecided` is said as FAILED with its checks among the warned: whoever knows the format only,
    stays outside. A check that was not measured is among no tests; `portcullis_checks` has them all.
    """

    def keys(outcome: Outcome) -> list[str]:
        return [check.key for check in verdict.checks if check.outcome is outcome]

    predicate = {
        "result": "FAILED" if verdict.outcome.is_blocking else "PASSED",
        "configuration": [each.to_dict() for each in configuration],
        "passedTests": keys(Outcome.PASS),
        "warnedTests": keys(Outcome.UNDECIDED),
        "failedTests": keys(Outcome.FAIL),
        "portcullis_outcome": verdict.outcome.value,
        "portcullis_context": {
            "gate": verdict.gate,
            "useCase": run.case,
            "invocationId": run.invocation,
            "gitCommit": run.commit,
            "finishedOn": run.finished,
            "report": report.to_dict(),
            "startedBy": run.started_by,
        },
        "portcullis_checks": [
            {name: value for name, value in check.to_dict().items() if name in SIGNED_FIELDS}
            for check in verdict.checks
        ],
    }
    return Statement(judged, TEST_RESULT, predicate)


def summary(
    run: Circumstances,
    model: Artefact,
    policy: Artefact,
    inputs: tuple[tuple[str, str], ...],
    refusals: tuple[Refusal, ...],
) -> Statement:
    """Return the decision about a model: PASSED where nothing speaks against it.

    Args:
        run: Of `decide` or `register`.
        model: What is decided about.
        policy: By what.
        inputs: (what, sha256 of the envelope) of each statement that it rests on.
        refusals: The reasons against it.
    """
    predicate = {
        "verifier": {"id": f"{OWN}/{run.stage}/v1"},
        "timeVerified": run.finished,
        "resourceUri": f"portcullis:{model.name}@sha256:{model.sha256}",
        "policy": {"uri": f"portcullis:{policy.name}", "digest": {"sha256": policy.sha256}},
        "inputAttestations": [
            {"uri": f"portcullis:{what}", "digest": {"sha256": digest}} for what, digest in inputs
        ],
        "verificationResult": "FAILED" if refusals else "PASSED",
        "verifiedLevels": [] if refusals else ["PORTCULLIS_EVERY_GATE"],
        "slsaVersion": "1.0",
        "portcullis_refusals": [refusal.to_dict() for refusal in refusals],
        "portcullis_tools": run.tools,
        "portcullis_useCase": run.case,
        "portcullis_startedBy": run.started_by,
    }
    return Statement((model,), SUMMARY, predicate)


def artefact_names(case: str, about: dict[str, str]) -> dict[str, str]:
    """Return the names that a verdict's artefacts have in statements: `loan/train/model` for `train/model`."""
    return {named(f"data/{case}/{name}"): digest for name, digest in about.items()}
