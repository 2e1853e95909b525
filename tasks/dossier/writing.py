"""Write a dossier: pages, statements, the bundle and the checker, whole or not at all."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.clearance.bundle_writer import PERSONAL, Contents, choose, files_of, scan
from tasks.config.words import words_of
from tasks.dossier.answering import weigh_requirements
from tasks.dossier.composing import compose_dossier, statements_of
from tasks.dossier.content import DossierPage
from tasks.dossier.evidence.case_evidence import CaseEvidence
from tasks.dossier.governance import Governance
from tasks.dossier.indexing import INDEX, index_bytes, json_bytes
from tasks.dossier.machine.assessment_results import assessment_results
from tasks.dossier.machine.bill_of_materials import bill_of_materials
from tasks.dossier.machine.croissant import croissant
from tasks.dossier.machine.spdx import spdx_document
from tasks.dossier.printed.pdf import is_typesetter_installed, typeset
from tasks.dossier.rendering import render_dossier_page
from tasks.dossier.subject import DossierSubject
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.formats.archives import archive
from tasks.ledger.ledger import Ledger
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log

BUNDLE = "bundle.zip"
PDF = "dossier.pdf"
DRAFT = ".draft-"


@dataclass(frozen=True)
class Dossier:
    """A dossier before it is written: what it is about, its pages, and the files it comes to."""

    subject: DossierSubject
    pages: tuple[DossierPage, ...]
    files: dict[str, bytes]

    @property
    def sha256(self) -> str:
        """The digest of `dossier.json`, which names those of all files but the bundle's."""
        return sha256(self.files[INDEX]).hexdigest()

    @property
    def size_bytes(self) -> int:
        """How large all files are together."""
        return sum(map(len, self.files.values()))


def make_subject(
    log: Log,
    chain: Chain,
    governance: Governance,
    profile: str,
    case_values: Mapping[str, Any],
    workspace: Path,
) -> DossierSubject:
    """Return what the pages are made from."""
    evidence = CaseEvidence(log, chain, workspace / "data" / chain.case, dict(case_values))
    return DossierSubject(
        title=str(case_values.get("title", chain.case)),
        purpose=str(case_values.get("purpose", "")),
        profile=profile,
        profile_title=governance.profiles[profile].title,
        governance=governance,
        evidence=evidence,
        weighed=weigh_requirements(governance, profile, evidence),
        words=words_of(case_values),
    )


def make_dossier(subject: DossierSubject, ledger: Ledger, checker: bytes) -> Dossier:
    """Return the dossier of a model.

    Args:
        subject: What it is made from.
        ledger: Whose proofs go into the bundle.
        checker: The program that checks the folder offline.

    Raises:
        EvidenceError: Something in it looks like a value about a person.
        ConfigError: A text cites law that is not in force.
    """
    pages = compose_dossier(subject)
    log = subject.evidence.log
    entries = {reference.entry for page in pages for reference in page.references()}
    # Every entry that a page refers to goes into the bundle, beside the chain: what is claimed can
    # be checked without the ledger.
    contents = choose(log, subject.evidence.chain, also=tuple(sorted(entries)))
    bundle = files_of(contents, ledger)
    # Refused before anything is made of it: what looks like a person's value must not be proven.
    scan(contents, bundle)

    files = {f"{page.name}.html": _page_bytes(page, subject) for page in pages}
    for signed in statements_of(log, entries):
        text = json.dumps(
            json.loads(signed.statement.to_bytes()), indent=1, sort_keys=True, ensure_ascii=False
        )
        files[f"statements/{signed.index}.json"] = f"{text}\n".encode()

    files |= machine_files(subject)
    # Without a signed day there is no date for the sheets, and no clock is read in its place.
    if is_typesetter_installed() and subject.evidence.day:
        files[PDF] = typeset(pages, describe_subject(subject), subject.day)

    # After all that it names by digest; the bundle and the checker are made of other things.
    files[INDEX] = index_bytes(subject, pages, files)

    # Of a PDF the text is that of the pages, compressed: noise, in which a pattern can match.
    readable = {name: content for name, content in files.items() if name != PDF}
    refuse_personal_values(readable, contents)

    files[BUNDLE] = archive(bundle)
    files["check-dossier.pyz"] = checker
    return Dossier(subject, pages, files)


def machine_files(subject: DossierSubject) -> dict[str, bytes]:
    """Return the files in formats of others, by name; bills of a model where there is one.

    Assessment results are left out where nothing with a day is signed: OSCAL 1.2 requires times
    of them (`start`, `last-modified`, `collected`), and no clock is read in their place.
    """
    files = {"data.croissant.json": json_bytes(croissant(subject))}
    if subject.evidence.day:
        files["assessment-results.oscal.json"] = json_bytes(assessment_results(subject))
    # A model has the statement of its training, and with it a day.
    if subject.evidence.is_trained:
        files["model.cdx.json"] = json_bytes(bill_of_materials(subject))
        files["model.spdx.json"] = json_bytes(spdx_document(subject))
    return files


def describe_subject(subject: DossierSubject) -> str:
    """Return which model, ledger and day a dossier is of: a printed page is found again by it."""
    head = subject.evidence.log.head
    digest = subject.evidence.chain.model_sha256[:16]
    kind = "model" if subject.evidence.is_trained else "rows"
    subject_text = f"{kind} sha256:{digest}…" if digest else "no data admitted"
    about = f"{subject.case} · {subject_text} · {subject.evidence.day} · {subject.profile}"
    about += f" · ledger of {head.size} entries, root {head.root_hash.hex()[:16]}…"
    return about


def _page_bytes(page: DossierPage, subject: DossierSubject) -> bytes:
    about = describe_subject(subject)
    return render_dossier_page(page, subject.case, about).encode()


def refuse_personal_values(files: Mapping[str, bytes], contents: Contents) -> None:
    """Refuse to hand out what looks like a value about a person, in any page.

    Staff are named on purpose, and a login may be an address: their enrolled names are passed over.

    Raises:
        EvidenceError: Names the file and the kind of value, never the value.
    """
    staff = [
        name.encode()
        for key in contents.log.keys.entries.values()
        for name in (key.holder, *key.logins)
        if name
    ]

    for name, content in files.items():
        text = content
        # The longest first: an address that ends in another would be taken away in part.
        for own in sorted(staff, key=len, reverse=True):
            # Only an address of theirs can look like a value about a person.
            if b"@" in own:
                text = text.replace(own, b"")

        for kind, pattern in PERSONAL.items():
            if pattern.search(text):
                raise EvidenceError(
                    name,
                    expected="no value about a person",
                    found=f"what looks like a value of kind `{kind}`",
                    remedy="Nothing was written. Find out where it comes from: an answer, a "
                    "declaration or a stage's statement; see docs/dossier.md.",
                )


def write_dossier(dossier: Dossier, folder: Path) -> None:
    """Write the files into a folder of their own, in place of a dossier that lies there.

    Raises:
        ConfigError: The folder is there and holds something else.
        ServiceError: It cannot be written there.
    """
    # A link too, also one that leads nowhere: what it leads to is somebody else's to replace.
    if os.path.lexists(folder) and not _is_replaceable(folder):
        raise ConfigError(
            str(folder),
            expected="a new folder, or one that holds a dossier",
            found="a folder or file of something else",
            remedy="Name another with --output.",
        )
    try:
        _put(dossier, folder)
    except OSError as error:
        # A disk that is full changes nothing of what the release came to: its callers go on.
        raise ServiceError(
            str(folder),
            expected="a folder with room that this account may write to",
            found=type(error).__name__,
            remedy="Make room, or mend the owner, mode or mount, and run `./portcullis dossier`.",
        ) from error


def _put(dossier: Dossier, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)

    # Whole or not at all: a reader never sees half of it.
    with _draft_folder(folder.parent) as draft:
        new, old = draft / "new", draft / "old"
        new.mkdir()
        # Whatever the umask leaves: a dossier is for others to read.
        new.chmod(0o755)
        for name, content in dossier.files.items():
            path = new / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

        # The old one is renamed away and not removed: that takes its time, and a reader would see
        # half of it. Where the new one cannot take its place it comes back.
        is_replacing = folder.exists()
        if is_replacing:
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if is_replacing:
                old.rename(folder)
            raise


@contextmanager
def _draft_folder(beside: Path) -> Iterator[Path]:
    """Give an empty folder within another, and remove it; also those of writers that were killed.

    Whoever writes holds a lock on their own, which ends with their process. One is made, and left
    ones are looked for, under the lock of the folder around them: nobody meets one not yet locked.
    """
    with ExitStack() as held:
        with _locked(beside):
            for left in beside.glob(f"{DRAFT}*"):
                with suppress(OSError), _locked(left, fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(dir=beside, prefix=DRAFT))
            held.enter_context(_locked(draft))
        held.callback(shutil.rmtree, draft, ignore_errors=True)
        yield draft


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises:
        OSError: It is no folder; or somebody else holds it, and `how` says not to wait.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)


def _is_replaceable(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / INDEX).is_file() or not any(folder.iterdir())
