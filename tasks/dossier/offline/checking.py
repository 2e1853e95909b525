"""Check a dossier against the bundle beside it: every reference, and nothing but Python needed.

The bundle is verified first, byte for byte. Then what the dossier says of itself: its use case, its
log, whether the model is registered, and how much is answered. Then each claim: its entry is in the
bundle, is the envelope that it names, and has the check with this outcome, value and limit, or
names the artefact. Then every file is the one that the dossier names, and it names every file. How
a claim is worded beyond that, it cannot tell: who has the ledger makes the dossier again, and
compares its digest.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.dossier.offline.heading import heading_faults
from tasks.dossier.offline.rows import row_faults
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.regular_file import read_regular_file
from tasks.formats.strict_json import parse_json, read_json
from tasks.verifier.answer import Answer, judge
from tasks.verifier.bundle import Verified, verify_bundle
from tasks.verifier.statement_index import Entry, Signed, verified

INDEX = "dossier.json"
BUNDLE = "bundle.zip"
# Beside the index itself: the bundle is verified by itself, and the program is the one that runs.
UNNAMED = (INDEX, BUNDLE, "check-dossier.pyz")
STATEMENTS = "statements"
# What a dossier has beside its pages and statements.
OTHER_FILES = (
    "assessment-results.oscal.json",
    "data.croissant.json",
    "dossier.pdf",
    "model.cdx.json",
    "model.spdx.json",
)
# What a dossier names lies in it: no way up or out, and no name that a file system refuses.
NAME = re.compile(r"(statements/)?[a-z0-9][a-z0-9.-]{0,99}")
STATEMENT_NAME = re.compile(r"statements/(0|[1-9][0-9]{0,17})\.json")


@dataclass(frozen=True)
class CheckedDossier:
    """What was checked: how many claims, by how many entries, and what does not hold.

    `case` and `is_let_in` are what the bundle says, and not the dossier: of which use case it is,
    and whether `register` let the model in and nothing in the bundle speaks against it.
    """

    claims: int
    entries: int
    faults: tuple[str, ...]
    case: str
    is_let_in: bool


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
    except (LookupError, TypeError, AttributeError) as error:
        raise EvidenceError(
            INDEX,
            expected="the index of a dossier, as this program knows it",
            found=f"another form of it ({type(error).__name__})",
            remedy="It was altered, or is of another version: use the program beside it.",
        ) from error


def _check_claims(folder: Path, values: Any, bundle: Verified) -> CheckedDossier:
    log = bundle.log
    by_index = {entry.index: entry for entry in log.entries}

    # 1. What the dossier says of itself.
    is_let_in = judge(log, bundle.chain).answer is not Answer.REFUSED
    faults = heading_faults(values, bundle, is_let_in=is_let_in)

    # 2. Each claim, by its references.
    claims = 0
    used: set[int] = set()
    signed_by_index: dict[int, Signed[Any]] = {}
    for page, rows in values["pages"].items():
        for row in rows:
            references = row["references"]
            claims += bool(references)
            statements: list[tuple[Any, Signed[Any]]] = []
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
                statements.append((reference, signed_by_index[index]))
            faults += row_faults(page, row, statements)

    # 3. Each file. A page without its file, or a file without its page, would be shown and not
    #    checked.
    named = values["files"]
    if not values["pages"]:
        faults.append(f"{INDEX} names no page")
    faults += [
        f"{page}.html is not named" for page in values["pages"] if f"{page}.html" not in named
    ]
    faults += _unknown_faults(values["pages"], named)
    faults += _file_faults(folder, named)
    faults += _stray_faults(folder, named)
    faults += _statement_faults(folder, named, used, by_index)
    # One wrong entry is referred to by many rows, and is one fault of a page.
    distinct = tuple(dict.fromkeys(faults))
    return CheckedDossier(claims, len(used), distinct, bundle.chain.case, is_let_in)


def _unknown_faults(pages: Any, named: Any) -> list[str]:
    """Return the files that are named and are nothing that a dossier has.

    Whoever adds a page that says more can name it, too: it would be shown, and makes no claim.
    """
    known = {f"{page}.html" for page in pages}.union(OTHER_FILES)
    return [
        f"{name} is no file of a dossier"
        for name in named
        # Statements are looked at by themselves, and what is no name is not opened at all.
        if name not in known and not name.startswith(f"{STATEMENTS}/") and NAME.fullmatch(name)
    ]


def _file_faults(folder: Path, digests: Any) -> list[str]:
    """Return the files that are other than the ones the dossier names."""
    faults = []
    for name, digest in digests.items():
        # Asked before it is opened: the name comes from the folder that is in question.
        if not NAME.fullmatch(name):
            faults.append(f"{name} is not there")
            continue
        try:
            content = read_regular_file(folder / name)
        except OSError as error:
            is_absent = isinstance(error, FileNotFoundError)
            faults.append(f"{name} {'is not there' if is_absent else 'cannot be read'}")
            continue
        if sha256(content).hexdigest() != digest:
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
        # What a link leads to is another thing on another machine, and tomorrow.
        elif path.is_symlink():
            faults.append(f"{name} is a link, and no file of the folder")
    return faults


def _statement_faults(
    folder: Path, named: Any, used: set[int], by_index: dict[int, Entry]
) -> list[str]:
    """Return the statements under `statements/` that are other than the signed ones.

    Those that no claim refers to as well: whoever reads one takes it for signed.
    """
    indexes = used & by_index.keys()
    faults = []
    for name in named:
        match = STATEMENT_NAME.fullmatch(name)
        if match and int(match[1]) in by_index:
            indexes.add(int(match[1]))
        elif name.startswith(f"{STATEMENTS}/"):
            faults.append(f"{name} is of no entry of the bundle")

    for index in sorted(indexes):
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
