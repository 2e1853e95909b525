"""Instructions for use, for whoever deploys the model: what is known of it, and what is owed.

Every figure is a gate's, by reference. How a person oversees it, and what they may not use it for,
is said by a person or stays missing.
"""

from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.subject import DossierSubject

NAME = "instructions"
OWNER = "model-owner"
DEPLOYER = "business-owner"
HEAD = ("Question", "Answer")


def compose_instructions(subject: DossierSubject) -> DossierPage:
    """Return the page: before it is used, how good it is, while it is used."""
    before = (
        subject.field("Which model this is about", "stage:train", OWNER),
        subject.field("Whether it may be used", "decision", OWNER),
        AnsweredRow(
            ("What it is for, and what it is not for",),
            # Owed although it is declared: what it may be used for is a person's to sign, and a
            # file can be edited by whoever trains.
            subject.owed(_declared(subject), DEPLOYER),
        ),
        subject.field("What it takes as input", "declared:columns", OWNER),
    )

    # By gates and not by figures: a deployer reads what was judged, and the card has the rest.
    performance = (
        subject.field("How good it is, overall", "gate:train", OWNER),
        subject.field("How good it is, group by group", "gate:fairness", OWNER),
        subject.field("Whom it treats worst", "gate:subgroups", OWNER),
        subject.field("Whether its input was fit to learn from", "gate:validate", OWNER),
        subject.field("How its reasons hold", "gate:explain", OWNER),
    )

    in_use = (
        subject.field("How one decision is explained", "explanations", OWNER),
        subject.requirement_field("How a person oversees it, and what helps them", "AIV-2e"),
        subject.requirement_field("What may change without another release", "AIV-2f"),
        subject.requirement_field("Where it runs, and what it needs", "AIV-1e"),
        subject.field("Which logs are kept", "audit", "security-officer"),
    )

    return DossierPage(
        name=NAME,
        title="Instructions for use",
        lead="For whoever deploys the model. Limits and figures check by check are on its card.",
        chapters=tuple(
            Chapter(heading, parts=(DossierTable(HEAD, rows),))
            for heading, rows in (
                ("Before it is used", before),
                ("How good it is", performance),
                ("While it is used", in_use),
            )
        ),
    )


def _declared(subject: DossierSubject) -> str:
    """Return the purpose that the use case declares: nobody has signed for it."""
    return f'declared, and unsigned: "{subject.purpose}"' if subject.purpose else ""
