"""Gather what a decision rests on from what lies in `data/` now.

`decide` and `register` do it independently of each other.
"""

from collections.abc import Iterable
from typing import Any

from tasks.config.case_paths import case_path
from tasks.errors import ConfigError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.gates.decision import Decision, GateResult, weigh
from tasks.gates.outcome import Outcome
from tasks.gates.verdict import digest_of
from tasks.path import GATES, SUBJECTS
from tasks.stages.workspace import StageRun


def gather(stage_run: StageRun) -> Decision:
    """Read every verdict, digest every artefact that they are about, and weigh them.

    Raises:
        ConfigError: The use case has no limits.
        DataError: There is no model.
        EvidenceError: A verdict cannot be read.
    """
    limits = stage_run.case_values.get("limits")
    if not isinstance(limits, dict) or not limits:
        raise ConfigError(
            case_path(stage_run.case).as_posix(),
            expected="a section `limits`",
            found="none",
            remedy="Declare what each gate has to meet; no limit has a default.",
        )
    verdicts = {
        gate.name: stage_run.read_verdict(gate.name)
        for gate in GATES
        # A gate without a verdict is left out here, and missed by `weigh`, which knows all gates.
        if (stage_run.data / gate.verdict).is_file()
    }
    report: dict[str, Any] = stage_run.read_json("train", "report.json")

    # The model is digested whether or not a verdict is about it: it is what the decision is about.
    stage_run.input("train", "model")
    # What verdicts name is digested here, as it lies now: the digests in them are only compared. By
    # the table's names alone: a file that lies here could name any path, a device without an end
    # among them. What is not digested is "nothing", and refused.
    known = {name for subjects in SUBJECTS.values() for name in subjects}
    judged = known & {name for verdict in verdicts.values() for name in verdict.about}
    artefacts = {
        name: sha256_of(stage_run.data / name)
        for name in sorted(judged)
        if (stage_run.data / name).exists()
    }

    return weigh(
        verdicts,
        use_case=stage_run.case,
        artefacts={**artefacts, **stage_run.inputs},
        limits_sha256={gate: digest_of(values) for gate, values in limits.items()},
        all_limits_sha256=digest_of(limits),
        trained_under_sha256=report.get("limits_sha256"),
    )


def refusals_that_stand(gates: Iterable[GateResult], *, is_cleared: bool) -> tuple[Refusal, ...]:
    """Return the refusals of the verdicts as they lie on disk.

    An undecided check does not stand where the ledger clears: then a validator has accepted it, by
    name and by signature. Whatever else refuses always stands.
    """
    return tuple(
        refusal
        for gate in gates
        for refusal in gate.refusals
        if not (
            is_cleared
            and gate.outcome is Outcome.UNDECIDED
            and refusal.kind == RefusalKind.CHECK_UNDECIDED
        )
    )
