"""Weigh every verdict into one decision about one model: by digest, never by name, run or time."""

from dataclasses import dataclass, field
from typing import Any

from tasks.errors import Refusal, RefusalKind
from tasks.gates.outcome import Outcome
from tasks.gates.verdict import Verdict
from tasks.path import STAGES, SUBJECTS


@dataclass(frozen=True)
class GateResult:
    """How one gate stands towards the model that is to be registered."""

    gate: str
    outcome: Outcome
    checks: int
    refusals: tuple[Refusal, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "gate": self.gate,
            "outcome": self.outcome.value,
            "checks": self.checks,
            "refusals": [refusal.to_dict() for refusal in self.refusals],
        }


@dataclass(frozen=True)
class Decision:
    """Whether a model may be registered. `about` maps every artefact it rests on to its sha256."""

    use_case: str
    model_sha256: str
    limits_sha256: str
    gates: tuple[GateResult, ...]
    about: dict[str, str] = field(hash=False)

    @property
    def outcome(self) -> Outcome:
        """The worst of its gates: registration needs a pass."""
        return Outcome.worst(gate.outcome for gate in self.gates)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """One refusal per check that blocks, of all gates."""
        return tuple(refusal for gate in self.gates for refusal in gate.refusals)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with what it comes to."""
        return {
            "use_case": self.use_case,
            "model_sha256": self.model_sha256,
            "limits_sha256": self.limits_sha256,
            "gates": [gate.to_dict() for gate in self.gates],
            "about": dict(self.about),
            "outcome": self.outcome.value,
            "refusals": [refusal.to_dict() for refusal in self.refusals],
        }


def weigh_gate(
    gate: str,
    verdict: Verdict | None,
    *,
    use_case: str,
    artefacts: dict[str, str],
    limits_sha256: str | None,
) -> GateResult:
    """Return how `gate` stands: its verdict, and whether that is about what lies here now.

    Args:
        gate: The gate's name.
        verdict: What it left; None where it left nothing.
        use_case: The use case that is to be cleared.
        artefacts: Artefact -> sha256 of what lies in `data/` now.
        limits_sha256: The digest of the gate's limits as configured now; None where there are none.
    """
    if verdict is None:
        missing = Refusal(RefusalKind.VERDICT_MISSING, f"{gate}: no verdict")
        return GateResult(gate, Outcome.UNDECIDED, checks=0, refusals=(missing,))

    foreign = _foreign(gate, verdict, use_case, artefacts, limits_sha256)

    # What a verdict says about something else says nothing here, be it a pass or undecided. The
    # gate has failed, so that no acceptance of an undecided check can ever make up for it.
    outcome = Outcome.FAIL if foreign else verdict.outcome
    return GateResult(gate, outcome, len(verdict.checks), (*verdict.refusals(), *foreign))


def _foreign(
    gate: str,
    verdict: Verdict,
    use_case: str,
    artefacts: dict[str, str],
    limits_sha256: str | None,
) -> list[Refusal]:
    """Return why a verdict is not the one that is needed here."""
    refusals: list[Refusal] = []

    if (verdict.gate, verdict.use_case) != (gate, use_case):
        of_whom = f"of gate `{verdict.gate}` for `{verdict.use_case}`"
        text = f"{gate}: the verdict is {of_whom}, not for `{use_case}`"
        refusals.append(Refusal(RefusalKind.VERDICT_FOREIGN, text))
    # None first: limits that were taken out of the configuration must not equal anything.
    if limits_sha256 is None or verdict.limits_sha256 != limits_sha256:
        text = f"{gate}: judged by other limits than those in force; run the stage again"
        refusals.append(Refusal(RefusalKind.LIMITS_CHANGED, text))

    # What has to be judged is said by the table and not by the verdict, which could leave it out;
    # and what the verdict does name has to be what lies here, be it asked for or not.
    for subject in SUBJECTS[gate]:
        if subject not in verdict.about:
            text = f"{gate}: the verdict says nothing about {subject}"
            refusals.append(Refusal(RefusalKind.SUBJECT_MISSING, text))
    for artefact, digest in sorted(verdict.about.items()):
        present = artefacts.get(artefact, "nothing")
        if present != digest:
            digests = f"(judged {digest[:12]}…, found {present[:12]}…)"
            text = f"{gate}: {artefact} is not what was judged {digests}"
            refusals.append(Refusal(RefusalKind.SUBJECT_CHANGED, text))
    return refusals


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
        trained_under_sha256: The same digest as training recorded it: limits are fixed before a
            model is trained.
    """
    gates = [
        weigh_gate(
            gate,
            verdicts.get(gate),
            use_case=use_case,
            artefacts=artefacts,
            limits_sha256=limits_sha256.get(gate),
        )
        # Over the table's gates and not over the verdicts that there are: one that is missing
        # refuses.
        for gate in SUBJECTS
    ]
    # A gate of its own that has failed, so that nobody can accept it: limits that follow the model
    # are what the figures were, and no limits.
    if trained_under_sha256 != all_limits_sha256:
        changed = Refusal(
            RefusalKind.LIMITS_CHANGED_AFTER_TRAINING,
            "limits: they changed after the model was trained; "
            "train it again under the limits in force",
        )
        gates.append(GateResult("limits", Outcome.FAIL, checks=1, refusals=(changed,)))

    about = {
        name: digest for verdict in verdicts.values() for name, digest in verdict.about.items()
    }
    written = [STAGES[gate].verdict for gate in verdicts]
    # The verdicts' own files, too: `register` digests again all that the decision names.
    about |= {name: artefacts[name] for name in written}
    return Decision(
        use_case=use_case,
        model_sha256=artefacts["train/model"],
        limits_sha256=all_limits_sha256,
        gates=tuple(gates),
        about=about,
    )
