"""Weigh every verdict into one decision about one model: by digest, never by name, run or time."""

from pydantic import BaseModel, ConfigDict, Field

from tasks.gates.verdict import Outcome, Verdict
from tasks.path import GATES

# What each gate must have judged. A verdict about anything else, or about nothing, clears nothing.
SUBJECTS: dict[str, tuple[str, ...]] = {gate.name: gate.judges for gate in GATES}


class GateResult(BaseModel):
    """How one gate stands towards the model that is to be registered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    outcome: Outcome
    checks: int
    refusals: tuple[str, ...]


class Decision(BaseModel):
    """Whether a model may be registered. `about` maps every artefact it rests on to its sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    model_sha256: str
    limits_sha256: str
    gates: tuple[GateResult, ...] = Field(min_length=1)
    about: dict[str, str]

    @property
    def outcome(self) -> Outcome:
        """The worst of its gates: registration needs a pass."""
        return Outcome.worst(tuple(gate.outcome for gate in self.gates))

    @property
    def refusals(self) -> tuple[str, ...]:
        """One line per failed check, of all gates."""
        return tuple(line for gate in self.gates for line in gate.refusals)


def weigh_gate(
    gate: str,
    verdict: Verdict | None,
    *,
    use_case: str,
    artefacts: dict[str, str],
    limits_sha256: str | None,
) -> GateResult:
    """Return how `gate` stands: its own verdict, and whether that verdict is about what lies here now.

    Args:
        gate: The gate's name.
        verdict: What it left; None where it left nothing.
        use_case: The use case that is to be cleared.
        artefacts: Artefact -> sha256 of what lies in `data/` now.
        limits_sha256: The digest of the gate's limits as configured now; None where none are configured.
    """
    if verdict is None:
        return GateResult(
            gate=gate, outcome=Outcome.UNDECIDED, checks=0, refusals=(f"{gate}: no verdict",)
        )
    refusals = list(verdict.refusals())
    if (verdict.gate, verdict.use_case) != (gate, use_case):
        refusals.append(
            f"{gate}: the verdict is of gate `{verdict.gate}` for `{verdict.use_case}`, not for `{use_case}`"
        )
    if limits_sha256 is None or verdict.limits_sha256 != limits_sha256:
        refusals.append(f"{gate}: judged by other limits than those in force; run the stage again")
    refusals += [
        f"{gate}: the verdict says nothing about {subject}"
        for subject in SUBJECTS[gate]
        if subject not in verdict.about
    ]
    refusals += [
        f"{gate}: {artefact} is not what was judged "
        f"(judged {digest[:12]}…, found {artefacts.get(artefact, 'nothing')[:12]}…)"
        for artefact, digest in sorted(verdict.about.items())
        if artefacts.get(artefact) != digest
    ]
    foreign = len(refusals) > len(verdict.refusals())
    outcome = Outcome.FAIL if foreign else verdict.outcome
    return GateResult(
        gate=gate, outcome=outcome, checks=len(verdict.checks), refusals=tuple(refusals)
    )


def weigh(
    verdicts: dict[str, Verdict],
    *,
    use_case: str,
    artefacts: dict[str, str],
    limits_sha256: dict[str, str],
    all_limits_sha256: str,
    trained_under_sha256: str | None,
) -> Decision:
    """Weigh all gates into one decision.

    Args:
        verdicts: Gate -> verdict; gates that are absent refuse.
        use_case: The use case.
        artefacts: Artefact -> sha256 of what lies in `data/` now; must hold `train/model`.
        limits_sha256: Gate -> digest of its limits as configured now.
        all_limits_sha256: The digest of the whole `limits:` section now.
        trained_under_sha256: The same digest as training recorded it: limits are fixed before a model is trained.
    """
    gates = [
        weigh_gate(
            gate,
            verdicts.get(gate),
            use_case=use_case,
            artefacts=artefacts,
            limits_sha256=limits_sha256.get(gate),
        )
        for gate in SUBJECTS
    ]
    if trained_under_sha256 != all_limits_sha256:
        line = "limits: they changed after the model was trained; train it again under the limits in force"
        gates.append(GateResult(gate="limits", outcome=Outcome.FAIL, checks=1, refusals=(line,)))
    about = {key: digest for verdict in verdicts.values() for key, digest in verdict.about.items()}
    about |= {f"{gate}/verdict.json": artefacts[f"{gate}/verdict.json"] for gate in verdicts}
    return Decision(
        use_case=use_case,
        model_sha256=artefacts["train/model"],
        limits_sha256=all_limits_sha256,
        gates=tuple(gates),
        about=about,
    )
