"""Check a dossier against the bundle beside it: every reference, and nothing but Python needed.

The bundle is verified first, byte for byte. Then each claim: its entry is in the bundle, is the
envelope that it names, and has the check with this outcome, value and limit, or names the artefact.
Then every file is the one that the dossier names, and it names every file. How a claim is worded,
it cannot tell: who has the ledger makes the dossier again, and compares its digest.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import sha256_of
from tasks.formats.regular_file import read_regular_file
from tasks.formats.strict_json import parse_json, read_json
from tasks.gates import Check, format_number
from tasks.verifier.bundle import Verified, verify_bundle
from tasks.verifier.statement_index import Entry, Signed, verified

INDEX = "dossier.json"
BUNDLE = "bundle.zip"
# Beside the index itself: the bundle is verified by itself, and the program is the one that runs.
UNNAMED = (INDEX, BUNDLE, "check-dossier.pyz")
STATEMENTS = "statements"
# What makes no claim. Whatever else a row is said to be, it needs a reference.
AGAINST = "evidence against"
OPEN_STANDINGS = ("MISSING", "stale", "not applicable")
# What a dossier names lies in it: no way up or out.
NAME = re.compile(r"(statements/)?[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class CheckedDossier:
    """What was checked: how many claims, by how many entries, and what does not hold."""

    claims: int
    entries: int
    faults: tuple[str, ...]


def check_dossier(folder: Path, root_keyid: str | None) -> CheckedDossier:
    """Check every claim of a dossier.

    Args:
        folder: Where it lies.
        root_keyid: The root key to trust; None where nobody named one.

    Raises:
        EvidenceError: The bundle does not verify, or there is no dossier.
    """
    values: Any = read_json(folder / INDEX, INDEX, remedy="Name the folder of a dossier.")
    bundle = verify_bundle(folder / BUNDLE, root_keyid)

    # The index is signed by nobody: whatever it lacks, and wherever, is one fault of the folder.
    try:
        return _check_claims(folder, values, bundle)
    except (KeyError, TypeError, AttributeError) as error:
        raise EvidenceError(
            INDEX,
            expected="the index of a dossier, as this program knows it",
            found=f"another form of it ({type(error).__name__})",
            remedy="It was altered, or is of another version: use the program beside it.",
        ) from error


def _check_claims(folder: Path, values: Any, bundle: Verified) -> CheckedDossier:
    log = bundle.log
    by_index = {entry.index: entry for entry in log.entries}

    faults: list[str] = []
    # 1. The dossier and the bundle are of one model and of one state of the ledger: a good bundle
    #    of another release would else lend its signatures to these pages.
    if values["model"]["sha256"] != bundle.chain.model_sha256:
        faults.append("the dossier is about another model than the bundle")
    if values["log"]["root"] != log.head.root_hash.hex():
        faults.append("the dossier is of another state of the ledger than the bundle")

    # 2. Each claim, by its references.
    claims = 0
    used: set[int] = set()
    signed_by_index: dict[int, Signed[Any]] = {}
    for page, rows in values["pages"].items():
        for row in rows:
            references = row["references"]
            claims += bool(references)
            if row["standing"] not in OPEN_STANDINGS and not references:
                faults.append(f"{page}: a claim without a reference")

            for reference in references:
                index = reference["entry"]
                used.add(index)
                entry = by_index.get(index)
                if entry is None or entry.envelope_sha256 != reference["envelopeSha256"]:
                    faults.append(f"{page}: entry {index} is not the one that is referred to")
                    continue

                # Verified once an entry: a signature costs more than all else, and rows share them.
                if index not in signed_by_index:
                    signed_by_index[index] = verified(entry, log.keys)
                faults += _faults(page, row, reference, signed_by_index[index])

    # 3. Each file. A page without its file, or a file without its page, would be shown and not
    #    checked.
    named = values["files"]
    if not values["pages"]:
        faults.append(f"{INDEX} names no page")
    faults += [
        f"{page}.html is not named" for page in values["pages"] if f"{page}.html" not in named
    ]
    faults += _file_faults(folder, named)
    faults += _stray_faults(folder, named)
    faults += _statement_faults(folder, used, by_index)
    # One wrong entry is referred to by many rows, and is one fault of a page.
    return CheckedDossier(claims, len(used), tuple(dict.fromkeys(faults)))


def _faults(page: str, row: Any, reference: Any, signed: Signed[Any]) -> list[str]:
    """Return what a row says, or refers to, that the statement does not say."""
    place = f"{page}: entry {signed.index}"
    if key := reference.get("check", ""):
        check = _check_of(signed, key)
        if check is None:
            return [f"{place} has no check {key}"]
        # Figures are of one check: a row that sums several up shows none of theirs.
        if len(row["references"]) != 1:
            return []
        if row["figures"]:
            return check_faults(f"{place}: {key}", row, check)
        # Without figures the outcome stands in a sentence: taking them away hides no other one.
        says_so = check.outcome.text in row["text"]
        return [] if says_so else [f"{place}: {key} came to {check.outcome.text}"]

    name = reference.get("name", "")
    if name and (name, reference["sha256"]) not in _artefacts(signed):
        return [f"{place} does not name {name} by this digest"]
    return []


def check_faults(place: str, row: Any, check: Check) -> list[str]:
    """Return where a row that shows one check differs from it: outcome, value, limit."""
    value = "" if check.value is None else format_number(check.value)
    faults = []
    if row["text"] != check.outcome.text:
        faults.append(f"{place} came to {check.outcome.text}")
    if (row["standing"] == AGAINST) is not check.outcome.is_blocking:
        faults.append(f"{place} does not stand as {row['standing']}")

    # Of a comparison whose limit has changed, value and limit stand in one text.
    with_limit = [figure for figure in row["figures"] if f" ({check.limit})" in figure]
    values = [figure.partition(" (")[0] for figure in with_limit] or row["figures"]
    if value and value not in values:
        faults.append(f"{place} has the value {value}")

    # Of a comparison the limit stands beside the earlier figure, in one text.
    if not any(check.limit in figure for figure in row["figures"]):
        faults.append(f"{place} has another limit")
    return faults


def _check_of(signed: Signed[Any], key: str) -> Check | None:
    if not isinstance(signed.predicate, SignedVerdict):
        return None
    checks = (check for check in signed.predicate.checks if isinstance(check, Check))
    return next((check for check in checks if check.key == key), None)


def _artefacts(signed: Signed[Any]) -> set[tuple[str, str]]:
    named = {(subject.name, subject.sha256) for subject in signed.subjects}
    if isinstance(signed.predicate, Provenance):
        named |= {(item.name, item.sha256) for item in signed.predicate.materials}
    return named


def _file_faults(folder: Path, digests: Any) -> list[str]:
    """Return the files that are other than the ones the dossier names."""
    faults = []
    for name, digest in digests.items():
        path = folder / name
        # Asked before it is opened: the name comes from the folder that is in question.
        if not NAME.fullmatch(name) or not path.is_file():
            faults.append(f"{name} is not there")
        elif sha256_of(path) != digest:
            faults.append(f"{name} was changed since")
    return faults


def _stray_faults(folder: Path, digests: Any) -> list[str]:
    """Return the files that lie in the folder though the dossier does not name them."""
    faults = []
    for path in sorted((*folder.iterdir(), *(folder / STATEMENTS).glob("*"))):
        name = path.relative_to(folder).as_posix()
        is_named = name in digests or name in UNNAMED or name == STATEMENTS
        # Hidden ones are a file manager's: no page is called that, and none leads there.
        if not is_named and not path.name.startswith("."):
            faults.append(f"{name} is not named by the dossier")
    return faults


def _statement_faults(folder: Path, used: set[int], by_index: dict[int, Entry]) -> list[str]:
    """Return the statements under `statements/` that are other than the signed ones."""
    faults = []
    for index in sorted(used & by_index.keys()):
        path = folder / STATEMENTS / f"{index}.json"
        try:
            readable = parse_json(read_regular_file(path))
        except (OSError, ValueError, EvidenceError):
            faults.append(f"statements/{index}.json cannot be read")
            continue

        # Compared in canonical form: the file is laid out for people, the payload is not.
        payload = by_index[index].envelope.payload
        if canonical(readable) != canonical(parse_json(payload)):
            faults.append(f"statements/{index}.json is not what was signed")
    return faults
