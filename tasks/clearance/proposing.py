"""Draft terms of what is to be in force, from this checkout and from what is in force now.

A draft is a file for people to read, to change by hand and to sign. By itself it is worth nothing.
"""

import difflib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tasks.anchoring.publishing import identify_anchors
from tasks.attestation.artefacts import artefact, section_of
from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.in_force import RequiredApprovals, Terms
from tasks.attestation.roles import APPROVER
from tasks.clearance.agreements import register_sha256
from tasks.clearance.configuration import POLICY
from tasks.clearance.plans import plan_now
from tasks.clearance.policy import query_required_checks
from tasks.config.case_paths import resolved_path
from tasks.config.cases import case_names
from tasks.errors import ConfigError
from tasks.formats.new_file import write_new_file
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.path import GATES
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.verifier.in_force.law import Law
from tasks.verifier.in_force.shown import lines_of_terms

T = TypeVar("T")

FORMAT = "portcullis-in-force/v1"
MOST_BYTES = 1 << 20  # terms of a hundred use cases take some 20 kB


@dataclass(frozen=True)
class ProposedChanges:
    """What a person asks for by options; None leaves what is in force, or the default.

    `unmeasured` are `use-case:check`, for checks that may say that there is nothing to measure.
    `plans` are `use-case` for the plan as it lies in this checkout, or `use-case:sha256`.
    `are_agreements_fixed` is whether data may be used by the register of agreements that lies here
    alone.
    """

    approvals: int | None = None
    approval_role: str | None = None
    capacity: str | None = None
    anchors: tuple[str, ...] | None = None
    refs: tuple[str, ...] | None = None
    signers: tuple[str, ...] | None = None
    least_mode: str | None = None
    plans: tuple[str, ...] | None = None
    attempts: int | None = None
    people: int | None = None
    unmeasured: tuple[str, ...] | None = None
    are_agreements_fixed: bool | None = None


def draft_terms(installation: Installation, law: Law | None, changes: ProposedChanges) -> Terms:
    """Return terms that would replace `law`.

    Policy, gates, checks and registry names are those of this checkout; all else is as in force,
    but for the changes that are asked for.

    Raises:
        ConfigError: There is no policy, two use cases have one registry name, or a change asks for
            what is not there.
    """
    workspace = installation.workspace
    present = law.terms if law else _default_terms(installation)
    approvals = RequiredApprovals(
        _chosen(changes.approvals, present.approvals.count),
        _chosen(changes.approval_role, present.approvals.role),
        _chosen(changes.capacity, present.approvals.capacity),
    )
    anchors = present.anchors
    if changes.anchors is not None:
        anchors = _identified(changes.anchors, installation.settings)

    agreements = present.agreements_sha256
    if changes.are_agreements_fixed is not None:
        is_fixed = changes.are_agreements_fixed
        agreements = register_sha256(workspace) if is_fixed else ""

    # Of this checkout always, and not as in force: who proposes wants what the new code asks for.
    # What changes by it is shown before anybody signs.
    gates = _gates(workspace)
    unmeasured = present.unmeasured
    if changes.unmeasured is not None:
        unmeasured = _unmeasured(changes.unmeasured, gates, workspace)

    drafted = replace(
        present,
        policy_sha256=artefact(workspace, POLICY).sha256,
        gates=gates,
        unmeasured=unmeasured,
        approvals=approvals,
        registry_names=_registry_names(workspace),
        anchors=anchors,
        refs=_chosen(changes.refs, present.refs),
        signers=_chosen(changes.signers, present.signers),
        least_mode=_chosen(changes.least_mode, present.least_mode),
        plans=present.plans if changes.plans is None else _plans(changes.plans, workspace),
        attempts=_chosen(changes.attempts, present.attempts),
        people=_chosen(changes.people, present.people),
        replaces=law.sha256 if law else "",
        agreements_sha256=agreements,
        earlier_plan_sha256=None,  # what replaces terms of before is in the form of today
    )
    # Read by the rules of every reader, so that nothing is proposed that could not be signed.
    return _read_terms(drafted.to_dict(), "the proposal")


def write_proposal(terms: Terms, path: Path) -> None:
    """Write a proposal's file: indented JSON, for people.

    Raises:
        ConfigError: Something lies there, or it cannot be written.
    """
    values = {"format": FORMAT, "terms": terms.to_dict()}
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    write_new_file(path, f"{text}\n".encode())


def read_proposal(path: Path) -> Terms:
    """Read a proposal's file, which somebody may have changed by hand.

    Raises:
        ConfigError: It is none, or says something twice.
    """
    try:
        values = parse_json(read_regular_file(path, most_bytes=MOST_BYTES))
    except (OSError, ValueError) as error:
        is_form = isinstance(error, JsonFaultError)
        reason = str(error) if is_form else describe_unreadable(error)
        raise _no_proposal(path.name, reason) from error

    if not isinstance(values, dict) or values.keys() != {"format", "terms"}:
        raise _no_proposal(path.name, "another format")
    if values["format"] != FORMAT:
        raise _no_proposal(path.name, "another format")
    return _read_terms(values["terms"], path.name)


def compare_terms(before: Terms | None, after: Terms) -> tuple[str, ...]:
    """Return what changes, a line each: `- ` what would no longer be so, `+ ` what would be."""
    old = list(lines_of_terms(before)) if before else []
    # Lines of one fixed form are compared, and not two JSON files: who signs reads every line that
    # changes and no other.
    lines = difflib.ndiff(old, list(lines_of_terms(after)))
    return tuple(line for line in lines if line.startswith(("- ", "+ ")))


def _default_terms(installation: Installation) -> Terms:
    """Return what is proposed first: what this checkout asks for by itself."""
    workspace = installation.workspace
    is_approval_asked = any(
        section_of(workspace / resolved_path(case), "register.approval")
        for case in case_names(workspace)
    )

    return Terms(
        policy_sha256="",
        gates={},
        unmeasured={},
        approvals=RequiredApprovals(int(is_approval_asked), APPROVER, ""),
        registry_names={},
        anchors=identify_anchors(installation.settings),
        refs=(),
        signers=(),
        least_mode=LOCAL,
        plans={},
        attempts=0,
        people=1,
        replaces="",
    )


def _gates(workspace: Path) -> dict[str, tuple[str, ...]]:
    """Return every gate of the path, with the checks that the policy requires of it."""
    by_policy = query_required_checks(workspace)
    # Gates of the path that the policy asks no check of, and gates that it asks of which the path
    # has none: the second stops every release, and is to be seen in the draft.
    by_gate = {gate.name: by_policy.get(gate.name, ()) for gate in GATES} | by_policy
    return {gate: tuple(sorted(checks)) for gate, checks in by_gate.items()}


def _unmeasured(
    asked: tuple[str, ...], gates: dict[str, tuple[str, ...]], workspace: Path
) -> dict[str, tuple[str, ...]]:
    """Return what is asked for as `use-case:check` by use case."""
    known = {check for checks in gates.values() for check in checks}
    by_case: dict[str, tuple[str, ...]] = {}

    for text in asked:
        case, _, check = text.partition(":")
        if case not in case_names(workspace) or check not in known:
            raise ConfigError(
                "--may-be-unmeasured",
                expected="`use-case:check`, a check that the policy requires",
                found=text,
                remedy=f"Checks are: {', '.join(sorted(known))}.",
            )
        by_case[case] = (*by_case.get(case, ()), check)
    return by_case


def _plans(asked: tuple[str, ...], workspace: Path) -> dict[str, str]:
    """Return use case -> plan, of those that are asked for as `use-case` or `use-case:sha256`."""
    plans: dict[str, str] = {}
    for text in asked:
        case, colon, digest = text.partition(":")
        # With a colon and no digest a variable was not set: that asks for no plan of this checkout.
        if case not in case_names(workspace) or bool(colon) is not bool(digest):
            raise ConfigError(
                "--plan",
                expected="`use-case`, for its plan as it lies here, or `use-case:sha256`",
                found=text,
                remedy=f"Use cases are: {', '.join(case_names(workspace))}.",
            )
        plans[case] = digest or plan_now(case, workspace).sha256

    return plans


def _registry_names(workspace: Path) -> dict[str, str]:
    """Return registry name -> the use case of this checkout that registers under it."""
    owners: dict[str, str] = {}
    for case in case_names(workspace):
        name = section_of(workspace / resolved_path(case), "register.model")
        if not isinstance(name, str):
            continue
        if name in owners:
            raise ConfigError(
                f"use case `{case}`, register.model",
                expected="a registry name of its own",
                found=f"that of use case `{owners[name]}`",
                remedy="Name one of them otherwise: one use case owns one registry name.",
            )
        owners[name] = case

    return owners


def _identified(names: tuple[str, ...], settings: Settings) -> dict[str, str]:
    """Return anchors by name with whose they are, by the settings of this installation."""
    configured = identify_anchors(settings)
    if missing := [name for name in names if name not in configured]:
        raise ConfigError(
            f"anchor `{missing[0]}`",
            expected="one that is configured here, so that it is known whose it is",
            found=f"configured: {', '.join(sorted(configured)) or 'none'}",
            remedy="Set its variables (docs/evidence.md, Outside this machine), and propose again.",
        )
    return {name: configured[name] for name in names}


def _chosen(asked: T | None, present: T) -> T:
    return present if asked is None else asked


def _read_terms(values: Any, where: str) -> Terms:
    try:
        terms = Terms.from_dict(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise _no_proposal(where, reason) from error

    # What was signed before is read; nothing more is signed in a form that the comparison of terms
    # does not show whole.
    if terms.earlier_plan_sha256 is not None:
        raise _no_proposal(where, f"field `{Terms.EARLIER_FIELD}`, of before plans were sealed")
    return terms


def _no_proposal(where: str, found: str) -> ConfigError:
    return ConfigError(
        where,
        expected=f"a proposal of format {FORMAT}",
        found=found,
        remedy="`./portcullis in-force propose FILE` writes one.",
    )
