"""The catalogue of places: where people may stand, how each place is searched and cleaned, or not.

A receipt says no more than this: what no sink searches is named there, not passed over.
`docs/privacy.md` shows the table to people, and a test compares the two.
"""

from dataclasses import dataclass

from tasks.erasure.sinks.sink import SinkId


@dataclass(frozen=True)
class CataloguedPlace:
    """One place, as the page and receipts name it."""

    name: str
    sink: SinkId | None  # who searches it; None where nobody does
    searched: str  # how, or why not
    cleaned: str  # how, or what a person has to do


MASKED = "values are masked, records about them left out"
LEFT = "left to a person, with the reason"
REMOVABLE = f"{LEFT}, or removed with `--remove-files`"

CATALOGUE = (
    CataloguedPlace(
        "MLflow's database: runs, parameters, tags, metrics, data sets, traces, prompts, versions; "
        "soft-deleted ones, too",
        SinkId.MLFLOW,
        "every text and every byte column of every table",
        "values are masked; keys, unique names, states, types and locations stay and are reported",
    ),
    CataloguedPlace(
        "MLflow's artifacts, on this machine or in S3",
        SinkId.MLFLOW,
        "every file, unpacked and decoded",
        f"{MASKED}; what cannot be masked is {REMOVABLE}",
    ),
    CataloguedPlace(
        "files of registered models (`model/`)",
        SinkId.MLFLOW,
        "every file, unpacked and decoded",
        f"attested: {LEFT}; registered models that learnt from them are flagged",
    ),
    CataloguedPlace(
        "Prefect's database: flow runs, parameters, states, logs, events, variables, artifacts, "
        "automations",
        SinkId.PREFECT,
        "every text and every byte column of every table",
        "values are masked; keys, unique names, states, types and locations stay and are reported",
    ),
    CataloguedPlace(
        "Prefect's blocks, which it encrypts",
        SinkId.PREFECT,
        "opened by Prefect's own key; without it, said to be unseen",
        "values are masked; the erase form's own Secret block is deleted by the form",
    ),
    CataloguedPlace(
        "Prefect's stored results and profiles",
        SinkId.PREFECT,
        "every file, unpacked and decoded",
        f"{MASKED}; what cannot be masked is {REMOVABLE}",
    ),
    CataloguedPlace(
        "`data/` and DVC's run logs (`.dvc/tmp/`)",
        SinkId.WORKSPACE,
        "every file that is not sealed, unpacked and decoded; names of folders and links",
        f"{MASKED}; what cannot be masked is {REMOVABLE}",
    ),
    CataloguedPlace(
        "DVC's cache, run cache and remotes, every version",
        SinkId.VERSIONS,
        "sealed rows by their keys; every other object, unpacked and decoded",
        f"keys are destroyed; a plain object is named by its digest: {REMOVABLE}",
    ),
    CataloguedPlace(
        "folders of `PORTCULLIS_SCRATCH`",
        SinkId.SCRATCH,
        "every file, unpacked and decoded; names of folders and links",
        f"{MASKED}; what cannot be masked is {REMOVABLE}",
    ),
    CataloguedPlace(
        "the state folder: receipts, exports that lie there, statements, audit logs, the ledger's "
        "file, drafts, logs",
        SinkId.STATE,
        "every file but keys; names of folders and links",
        f"evidence: {LEFT}",
    ),
    CataloguedPlace(
        "what holds are based on",
        SinkId.STATE,
        "the texts in the journal of erasures",
        f"{LEFT}: word the basis anew",
    ),
    CataloguedPlace(
        "git's objects: commits, files, tags, notes, stashes; those that only a reflog reaches, or "
        "nothing",
        SinkId.GIT,
        "every object, packed or loose",
        f"{LEFT}: history is not rewritten",
    ),
    CataloguedPlace(
        "git's own files: refs, reflogs, configuration, hooks, messages that are being written",
        SinkId.GIT,
        "names of refs, and every file of `.git`",
        LEFT,
    ),
    CataloguedPlace(
        "tracked files of the checkout, `dvc.lock`, `.dvc` files and parameters among them",
        SinkId.GIT,
        "every file and its name",
        "left to its owner",
    ),
    CataloguedPlace(
        "untracked and ignored files of the checkout: exports, editors' backups, hidden files",
        SinkId.GIT,
        "every file that no other sink searches, its name and its folder's",
        LEFT,
    ),
    CataloguedPlace(
        "texts of other people in sealed versions",
        SinkId.TEXTS,
        "every version with free texts, as far as keys open it",
        "a version is named by its digest: reported; new texts are masked before they are sealed",
    ),
    CataloguedPlace(
        "git remotes, other clones and working trees, submodules",
        None,
        "not searched: each is named, a remote by its host",
        "erase there, too, or delete the clone",
    ),
    CataloguedPlace(
        "exports (`./portcullis export --out`) outside of the checkout and the state folder",
        None,
        "not searched: nobody writes down where they went",
        "delete them when they are sent",
    ),
    CataloguedPlace(
        "programs in the checkout (`.venv`, `node_modules`, `__pycache__`)",
        None,
        "not searched: no program of ours writes data there",
        "delete and install them again",
    ),
    CataloguedPlace(
        "caches and histories of the account (`~/.cache`, shells, editors, notebooks)",
        None,
        "not searched: they belong to the account, not to the installation",
        "clear them where people were looked at",
    ),
    CataloguedPlace(
        "extended attributes and alternate streams of files",
        None,
        "not searched; a file that is masked loses them",
        "clear them where something writes them",
    ),
    CataloguedPlace(
        "what links that lead out of a place point to",
        None,
        "not searched: their names and targets are, and they are counted",
        "name the folder in `PORTCULLIS_SCRATCH`",
    ),
    CataloguedPlace(
        "content that nothing here can look into: encrypted archives, images, sound",
        None,
        "not searched: counted by kind and place",
        "look at them, or remove them",
    ),
    CataloguedPlace(
        "older versions in buckets with versioning, of files that have gone or hold nothing now",
        None,
        "not searched: what is listed is; of a file that is masked or removed all versions go",
        "let a lifecycle rule of the bucket expire versions that are not current",
    ),
    CataloguedPlace(
        "PostgreSQL's dead rows, log, replicas, large objects and other schemas",
        None,
        "not searched: only live rows of the default schema are",
        "vacuum, and let the log and the backups expire",
    ),
    CataloguedPlace(
        "the ledger in PostgreSQL (`PORTCULLIS_LEDGER_URL`)",
        None,
        "not searched: it is attested, and holds no person by design",
        LEFT,
    ),
    CataloguedPlace(
        "swap, core dumps, memory",
        None,
        "not searched: they are the operating system's",
        "no swap and no core dumps on workers",
    ),
    CataloguedPlace(
        "snapshots, backups and copies of disks",
        None,
        "not searched; sealed rows in them cannot be read again",
        "let them expire, and erase again after a restore",
    ),
    CataloguedPlace(
        "mail, shipped logs and SIEM systems",
        None,
        "not searched: they are not of this installation",
        "ask their owners",
    ),
    CataloguedPlace(
        "source systems and recipients",
        None,
        "not searched: they are other controllers' or processors'",
        "tell them (Art. 19)",
    ),
)


def name_unsearched_places() -> tuple[str, ...]:
    """Return what no sink searches, one line for each place, for every receipt."""
    return tuple(f"not searched: {place.name}" for place in CATALOGUE if place.sink is None)
