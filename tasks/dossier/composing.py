"""Compose every page of a dossier. Pure: the same evidence gives the same content."""

from tasks.dossier.content import DossierPage
from tasks.dossier.governance import Provision
from tasks.dossier.pages.adverse_action import compose_adverse_action
from tasks.dossier.pages.agreements import compose_agreements, compose_processing
from tasks.dossier.pages.changes import compose_changes
from tasks.dossier.pages.datasheets import compose_datasheets
from tasks.dossier.pages.impact_assessment import compose_impact_assessment
from tasks.dossier.pages.instructions import compose_instructions
from tasks.dossier.pages.model_card import compose_model_card
from tasks.dossier.pages.opening import compose_opening
from tasks.dossier.pages.registers import (
    compose_controls,
    compose_evidence,
    compose_law,
    compose_part,
    compose_threats,
)
from tasks.dossier.subject import DossierSubject
from tasks.errors import ConfigError
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed, verified


def compose_dossier(subject: DossierSubject) -> tuple[DossierPage, ...]:
    """Return the pages, the first page first.

    Raises:
        ConfigError: A text cites law that is not in force on the day of the release.
    """
    parts = subject.governance.profiles[subject.profile].parts
    pages = [
        compose_model_card(subject),
        *((compose_instructions(subject),) if "ai-act" in parts else ()),
        compose_datasheets(subject),
        *((compose_impact_assessment(subject),) if "gdpr" in parts else ()),
        compose_agreements(subject),
        *((compose_processing(subject),) if "gdpr" in parts else ()),
        compose_adverse_action(subject),
        *(compose_part(subject, part) for part in parts),
        compose_controls(subject),
        compose_changes(subject),
        compose_threats(subject),
        compose_law(subject),
    ]

    # The first page counts the answers of all others, and the list of entries names what any page
    # refers to, the first included: it is composed twice, before that list is there and after.
    opening = compose_opening(subject, tuple(pages))
    entries = {ref.entry for page in (opening, *pages) for ref in page.references()}
    pages.append(compose_evidence(subject, statements_of(subject.evidence.log, entries)))

    whole = (compose_opening(subject, tuple(pages)), *pages)
    refuse_stale_citations(subject, whole)
    return whole


def statements_of(log: Log, entries: set[int]) -> tuple[Signed, ...]:  # type: ignore[type-arg]
    """Return the statements of entries, in log order, each with its signature verified."""
    return tuple(verified(entry, log.keys) for entry in log.entries if entry.index in entries)


def refuse_stale_citations(subject: DossierSubject, pages: tuple[DossierPage, ...]) -> None:
    """Refuse a page that cites as current what is withdrawn or not yet in force.

    Pages about the law itself say of each provision how it stands, and may name any.

    Raises:
        ConfigError: Names the page and the provision.
    """
    for provision in subject.governance.law.values():
        if provision.is_current(subject.day):
            continue

        for page in pages:
            # A page about the law lists what was withdrawn and what is to come, and says so of
            # each.
            if not page.is_about_law and _is_cited(provision, page):
                raise ConfigError(
                    f"page {page.name}",
                    expected="law that is in force on the day of the release",
                    found=f"`{provision.id}`, which is not",
                    remedy="Cite what took its place: configs/governance/law.yaml.",
                )


def _is_cited(provision: Provision, page: DossierPage) -> bool:
    """Say whether a page cites a provision, by any of the names that the register has for it."""
    # Whole pages and not single fields: a citation may stand in a lead, a label or an answer.
    text = "\n".join(page.texts())
    return any(name in text for name in provision.cited_as)
