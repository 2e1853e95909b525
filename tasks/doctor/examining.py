"""Ask every look in turn; one that breaks is a finding, and keeps no other from being asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

from tasks.doctor import machine, stores
from tasks.doctor.copying import copied
from tasks.doctor.findings import Finding, Grade
from tasks.doctor.under_way import (
    ERASURE,
    OpenErasure,
    count_requests,
    look_at_erasures,
    look_from_outside,
)
from tasks.errors import PortcullisError
from tasks.formats.shown import kind_of_error
from tasks.system.installation import Installation
from tasks.system.machine_faults import explain_machine

Look = Callable[[], Iterator[Finding]]
RemedyOf = Callable[[PortcullisError], str]
MOST_LOOKS = 3  # while somebody writes and something refuses; then it is said as it was seen


def examine(installation: Installation, day: date) -> list[Finding]:
    """Return what is found in an installation, whatever state it is in; nothing is changed."""
    looks: list[tuple[str, Look]] = [
        ("home", lambda: machine.look_at_home(installation)),
        ("disk", lambda: machine.look_at_disk(installation)),
        ("databases", lambda: machine.look_at_databases(installation)),
    ]
    findings = [finding for what, look in looks for finding in _taken(what, look)]
    # Before there is a home there is nothing to copy, and looking makes none.
    if installation.home.is_dir():
        findings += _taken("home", lambda: _look_through_copy(installation, day))
    return findings


def _look_through_copy(installation: Installation, day: date) -> Iterator[Finding]:
    for look_number in range(1, MOST_LOOKS + 1):
        erasure = look_from_outside(installation)
        with copied(installation) as copy:
            erasure = count_requests(erasure, copy)
            findings = _look_at_stores(copy, installation, erasure, day)
            # What is compared is copied one after another: of an erasure or a release that goes on
            # meanwhile the copies are of different moments, and look as if something was lost.
            if look_number < MOST_LOOKS and _refuses(findings) and erasure.has_moved:
                continue

            findings += _look_at_the_rest(copy, installation)
            for finding in findings:
                yield _named_as_it_lies(finding, copy, installation)
        return


def _look_at_stores(
    copy: Installation, installation: Installation, erasure: OpenErasure, day: date
) -> list[Finding]:
    """Look at what has to be of one moment."""
    looks: list[tuple[str, Look]] = [
        (ERASURE, lambda: look_at_erasures(erasure)),
        ("ledger", lambda: stores.look_at_ledger(copy)),
        ("signing keys", lambda: stores.look_at_signing(copy, installation)),
        ("key store", lambda: stores.look_at_keys(copy)),
        ("custodians", lambda: stores.look_at_custodians(copy)),
        ("journal of erasures", lambda: stores.look_at_requests(copy, day)),
        ("sealed files", lambda: stores.look_at_sealed_files(copy)),
    ]
    return [finding for what, look in looks for finding in _taken(what, look, erasure.remedy_of)]


def _look_at_the_rest(copy: Installation, installation: Installation) -> list[Finding]:
    looks: list[tuple[str, Look]] = [
        ("versions", lambda: stores.look_at_versions(copy)),
        ("anchors", lambda: stores.look_at_anchors(copy)),
        ("set aside", lambda: stores.look_at_set_aside(installation)),
    ]
    return [finding for what, look in looks for finding in _taken(what, look)]


def _refuses(findings: list[Finding]) -> bool:
    return any(finding.grade is Grade.REFUSES for finding in findings)


def _named_as_it_lies(finding: Finding, copy: Installation, installation: Installation) -> Finding:
    """Return a finding that names the installation's own files, and not those of the copy."""
    # Errors name the files of the copy, which is gone when somebody reads them.
    text = finding.text.replace(str(copy.home), str(installation.home))
    return replace(finding, text=text)


def _taken(what: str, look: Look, remedy_of: RemedyOf | None = None) -> list[Finding]:
    """Return what a look finds, and why it broke off if it did, with its own remedy or another."""
    findings: list[Finding] = []
    try:
        findings.extend(look())
    except PortcullisError as error:
        finding = Finding.of_error(what, error)
        findings.append(replace(finding, remedy=remedy_of(error)) if remedy_of else finding)
    except Exception as error:
        # A full disk, or one that fails, asks for no backup: an old one would undo erasures.
        if cause := explain_machine(error):
            findings.append(Finding.of_error(what, cause))
            return findings
        # The class alone: a library's text may quote a row, a path or an address.
        text = f"it cannot be looked at ({kind_of_error(error)})"
        remedy = "Restore its newest backup."
        if isinstance(error, PermissionError):
            remedy = "Mend its owner, mode or mount; nothing has to be restored for that."
        findings.append(Finding(Grade.REFUSES, what, text, remedy))

    return findings
