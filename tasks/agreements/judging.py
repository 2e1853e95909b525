"""Compare the agreements of a use case's sources with what the law asks, clause by clause."""

from datetime import date
from pathlib import Path

from tasks.agreements.clauses import required_clauses
from tasks.agreements.register import DataAgreement, RegisteredAgreement, read_agreement
from tasks.attestation.agreement_review import ReviewedSource
from tasks.config.sources import Source, Sources
from tasks.errors import AgreementError, Refusal, RefusalKind

OWN_DATA = "controller"  # the role of who uses its own data: its record may be kept elsewhere


def judge_agreements(
    case: str, sources: Sources, workspace: Path, day: date
) -> tuple[ReviewedSource, ...]:
    """Return what the register says of each source's agreement, with every fault by name.

    A source of somebody else needs an agreement in the register. Data of one's own needs its record
    of processing; where the register has it, it is held to all the same.

    Raises:
        ConfigError: A file of the register is wrong.
    """
    return tuple(
        _review(case, name, source, workspace, day) for name, source in sources.root.items()
    )


def refusals_of(reviewed: tuple[ReviewedSource, ...], where: str) -> tuple[Refusal, ...]:
    """Return why data may not be used, a refusal for each fault.

    Args:
        reviewed: What was found.
        where: What refuses, as every refusal's text begins.
    """
    return tuple(
        Refusal(kind, f"{where}: source `{item.source}`: agreement {item.agreement}: {fault}")
        for item in reviewed
        for kind, faults in (
            (RefusalKind.AGREEMENT_LAPSED, item.lapses),
            (RefusalKind.AGREEMENT_INCOMPLETE, item.faults),
        )
        for fault in faults
    )


def require_agreements(case: str, sources: Sources, workspace: Path, day: date) -> None:
    """Refuse sources whose agreement lacks a clause, does not cover them, or has expired.

    Raises:
        AgreementError: Names the first clause or fault, and says how many more there are.
        ConfigError: A file of the register is wrong.
    """
    reviewed = judge_agreements(case, sources, workspace, day)
    if refusals := refusals_of(reviewed, case):
        raise agreement_error(refusals)


def agreement_error(refusals: tuple[Refusal, ...]) -> AgreementError:
    """Return the one error that says why the sources may not be used."""
    where, _, fault = refusals[0].text.rpartition(": ")
    more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
    return AgreementError(
        where,
        expected="every clause that the law asks for, in force today",
        found=f"{fault}{more}",
        remedy="Mend the agreement and its file in configs/governance/agreements, or take the "
        "source out of the use case. Nothing was read.",
    )


def _review(case: str, name: str, source: Source, workspace: Path, day: date) -> ReviewedSource:
    registered = read_agreement(source.agreement, workspace)
    if registered is None:
        faults = () if source.role == OWN_DATA else ("the register has no file of it",)
        return ReviewedSource(
            source=name, agreement=source.agreement, role=source.role, party="", faults=faults
        )

    agreement = registered.agreement
    needed = required_clauses(agreement.role, is_business_associate=agreement.is_business_associate)
    return ReviewedSource(
        source=name,
        agreement=agreement.id,
        role=agreement.role,
        party=agreement.party,
        sha256=registered.sha256,
        file_sha256=agreement.file.sha256,
        expires=agreement.expires.isoformat(),
        clauses={clause: agreement.clauses.get(clause) or "" for clause in needed},
        subprocessors=tuple(
            f"{item.name} ({item.country}): {item.task}" for item in agreement.subprocessors
        ),
        transfers=tuple(f"{item.country}: {item.basis}" for item in agreement.transfers),
        faults=(
            *_missing_clauses(agreement, needed),
            *_differences(f"{case}/{name}", source, agreement),
            *_unlisted_countries(agreement),
            *_file_fault(registered),
        ),
        lapses=_lapses(agreement, day),
    )


def _lapses(agreement: DataAgreement, day: date) -> tuple[str, ...]:
    # The last day is within: `expires` is the last day on which it is in force.
    if day > agreement.expires:
        return (f"expired on {agreement.expires}, and today is {day}",)
    if day < agreement.signed:
        return (f"signed on {agreement.signed}, and today is {day}",)
    return ()


def _missing_clauses(agreement: DataAgreement, needed: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"clause {clause} is missing ({text})"
        for clause, text in needed.items()
        # Absent or empty is missing alike: a clause is there by its place in the text.
        if not agreement.clauses.get(clause)
    )


def _differences(covered: str, source: Source, agreement: DataAgreement) -> tuple[str, ...]:
    """Return where the use case says something else than the agreement.

    Otherwise another role, or another agreement's id, would be a way round a clause.
    """
    faults = []
    # By use case and source: an agreement about one use must not carry another one's data.
    if covered not in agreement.covers:
        faults.append(f"does not cover {covered}")

    if source.owner != agreement.party:
        faults.append("is with another party than the source's owner")

    if agreement.role == OWN_DATA and agreement.party != agreement.controller:
        faults.append("is a controller's own record, of another party's data")

    if source.role != agreement.role:
        faults.append(f"is with a {agreement.role}, and the source says {source.role}")

    if source.expires and source.expires > agreement.expires:
        faults.append(f"ends on {agreement.expires}, and the source says {source.expires}")

    return tuple(faults)


def _unlisted_countries(agreement: DataAgreement) -> tuple[str, ...]:
    # Otherwise data could reach a country that no transfer allows by way of somebody else.
    allowed = {agreement.country, *(item.country for item in agreement.transfers)}
    return tuple(
        f"sub-processor in {item.country}, which no transfer allows"
        for item in agreement.subprocessors
        if item.country not in allowed
    )


def _file_fault(registered: RegisteredAgreement) -> tuple[str, ...]:
    lying = registered.signed_file_sha256
    # The signed file may be kept elsewhere; where it lies here, it is the one that both have
    # signed.
    if lying and lying != registered.agreement.file.sha256:
        return ("the signed file that lies in the register has another digest",)
    return ()
