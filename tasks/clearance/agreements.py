"""The worker's own look at the agreements: of the configuration that a stage was given, every time.

What the stage `admit` says is believed as little as what any stage says. The register is read again
here, from the snapshot that the stage could not write to.
"""

from datetime import UTC, datetime
from pathlib import Path

from tasks.attestation.agreement_review import AgreementReview
from tasks.attestation.artefacts import artefact, section_of
from tasks.attestation.predicates.circumstances import Circumstances
from tasks.config.case_paths import resolved_path
from tasks.errors import Refusal
from tasks.formats.digests import folder_sha256
from tasks.path import AGREEMENTS
from tasks.settings import Settings


def review_agreements(
    run: Circumstances, configuration: Path, settings: Settings
) -> AgreementReview:
    """Return what is to be signed about the agreements of a run's use case, by today's date.

    Raises:
        ConfigError: The sources or the register are wrong.
    """
    # Late, here and below: it brings pydantic, and of all stages three alone ask.
    from tasks.agreements.judging import judge_agreements
    from tasks.config.cases import section
    from tasks.config.sources import Sources, today

    day = today(settings)
    sources = section(run.case, "sources", Sources, configuration)
    return AgreementReview(
        case=run.case,
        day=day.isoformat(),
        register_sha256=register_sha256(configuration),
        sources=judge_agreements(run.case, sources, configuration, day),
        invocation=run.invocation,
        mode=run.mode,
        drill=run.drill,
        finished=run.finished,
    )


def register_sha256(configuration: Path) -> str:
    """Return the digest of the register of agreements; where there is none, of an empty folder."""
    # A digest for it all the same: what is in force may name one, and no register is then another
    # register.
    if not (configuration / AGREEMENTS).is_dir():
        return folder_sha256(())
    return artefact(configuration, AGREEMENTS).sha256


def agreement_refusals(
    purpose: str, case: str, configuration: Path, now: int
) -> tuple[Refusal, ...]:
    """Return why the agreements do not let a model be trained or registered now.

    Args:
        purpose: `train` or `register`.
        case: A use case.
        configuration: The folder whose register and use case are asked.
        now: Epoch seconds: the later of the clock and the log, so that a clock that was set back
            revives nothing.

    Raises:
        ConfigError: The sources or the register are wrong.
    """
    # A use case that declares none gets no further than `admit`, which says so.
    declared = section_of(configuration / resolved_path(case), "sources")
    if not declared:
        return ()
    from tasks.agreements.judging import judge_agreements, refusals_of
    from tasks.config.cases import section_in
    from tasks.config.sources import Sources

    # Of the resolved copy, as every other fact here: that it is stale the policy says by itself.
    sources = section_in({"sources": declared}, case, "sources", Sources)
    day = datetime.fromtimestamp(now, UTC).date()
    return refusals_of(judge_agreements(case, sources, configuration, day), purpose)
