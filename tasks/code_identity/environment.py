"""All that can be imported besides the workspace's own code: one digest, and what is foreign.

The digest is of the interpreter, its standard library and the files of the distributions that
`requirements.lock` and the locks of `configs/` for models, `careful` and languages name. What
tests need in addition is in no digest: running the tests must not make evidence void. Everything
else that can be imported is foreign, and named.

Bytecode in `__pycache__` is left out: interpreters write it at any time. Who may write there can
have other code run than the sources say; a worker that others must not deceive sets
PYTHONPYCACHEPREFIX to a folder of its own for what it starts.
"""

import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.code_identity.distributions import (
    Distribution,
    read_distributions,
    read_lock,
)
from tasks.code_identity.installed_files import PYCACHE, Listing, recalled, remembered
from tasks.code_identity.tree import Tree
from tasks.formats.digests import folder_sha256
from tasks.system.installation import Installation

REQUIREMENTS = "requirements.lock"
# What the last four name is installed by whoever uses `redact.mode: careful`, texts of another
# language than English, `./portcullis server`, or has dossiers as PDF.
RUN_LOCKS = (
    REQUIREMENTS,
    "configs/models.lock",
    "configs/careful.lock",
    "configs/languages.lock",
    "configs/server.lock",
    "configs/print.lock",
)
OTHER_LOCKS = ("tests/requirements.lock", "configs/installer.lock")
INSTALLER = "pip"  # it comes with the interpreter, and no lock names it

# The launcher's own: it makes the checkout importable.
OWN_PTH = "portcullis.pth"
# Names at the top of a checkout that nothing but this project imports, or nothing at all.
OWN_NAMES = frozenset({"benchmarks", "configs", "data", "docs", "flows", "tasks", "tests"})
# Python runs these at every start, whoever put them there (module `site`).
RUN_AT_START = frozenset({"sitecustomize", "usercustomize"})
IMPORTABLE = (".py", ".pyc", ".so", ".pyd")
MOST_FOREIGN = 20  # so many are named in a statement; the rest are counted


@dataclass(frozen=True)
class Environment:
    """What can be imported besides the workspace's own code."""

    sha256: str
    interpreter: str
    foreign: tuple[str, ...]


@dataclass(frozen=True)
class ImportPlaces:
    """Where an interpreter imports from.

    Attributes:
        program: The interpreter's own file, no link.
        shared_library: Where it consists of two files, the second one.
        standard: The folders of the standard library.
        packages: The folder of installed distributions.
        search_path: `sys.path` of an isolated process. Empty in others, such as Prefect's, which
            add folders of their own: none of it reaches a worker or a stage (`tasks/isolated.py`).
        own: The checkout that this process's own code comes from.
    """

    program: Path
    shared_library: Path | None
    standard: tuple[Path, ...]
    packages: Path
    search_path: tuple[str, ...]
    own: Path

    @classmethod
    def of_this_process(cls) -> "ImportPlaces":
        """Find them."""
        # In a virtual environment `sysconfig` names a `platstdlib` that is not there; `os` and the
        # folder of extensions are always imported from the real ones.
        extensions = [Path(entry) for entry in sys.path if entry.endswith("/lib-dynload")]
        standard = (Path(os.__file__).resolve().parent, *(path.resolve() for path in extensions))
        library = Path(sysconfig.get_config_var("LIBDIR") or "/") / (
            sysconfig.get_config_var("INSTSONAME") or ""
        )

        return cls(
            program=Path(sys.executable).resolve(),
            shared_library=library if ".so" in library.name and library.is_file() else None,
            standard=tuple(dict.fromkeys(standard)),
            packages=Path(sysconfig.get_path("purelib")).resolve(),
            search_path=tuple(sys.path) if sys.flags.isolated else (),
            own=Path(__file__).resolve().parents[2],
        )


def identity(installation: Installation, tree: Tree, *, may_recall: bool = False) -> CodeIdentity:
    """Return what runs here: this tree, in this process's environment.

    Args:
        installation: Whose workspace and home.
        tree: Its code and configuration.
        may_recall: Whether the last look may stand in for this one (`installed_files.recalled`).
    """
    places = ImportPlaces.of_this_process()
    environment = measure_environment(installation, tree, places, may_recall=may_recall)
    lock = tree.digests.get(REQUIREMENTS)

    return CodeIdentity(
        tree_sha256=tree.sha256,
        environment_sha256=environment.sha256,
        interpreter=environment.interpreter,
        lock_sha256=lock.sha256 if lock else "",
        foreign=environment.foreign,
    )


def measure_environment(
    installation: Installation, tree: Tree, places: ImportPlaces, *, may_recall: bool = False
) -> Environment:
    """Digest what can be imported from `places`, and name what no lock of the tree knows."""
    # 1. What hangs on installed files and locks alone, and is remembered as long as they stay.
    locks = "".join(
        f"{name} {tree.digests[name].sha256}\n"
        for name in (*RUN_LOCKS, *OTHER_LOCKS)
        if name in tree.digests
    )
    files = (places.program, places.shared_library, places.standard, places.packages)
    context = f"{sys.version}\n{files}\n{locks}"
    result = recalled(installation.home, context) if may_recall else None
    if result is None:
        listing = _list_files(places)

        def compute(digest_of: Callable[[str], str]) -> dict[str, Any]:
            return _measure(tree, places, listing, digest_of)

        result = remembered(installation.home, listing, context, compute)

    # 2. What hangs on the workspace and on this process.
    workspace = installation.workspace.resolve()
    foreign = {
        *result["foreign"],
        *importable_names(workspace),
        *importable_names(places.own),
        *_foreign_paths(places, workspace),
    }
    return Environment(result["sha256"], result["interpreter"], _shortened(foreign))


def importable_names(folder: Path) -> Iterator[str]:
    """Yield what can be imported from the top of a checkout and is not this project's."""
    with os.scandir(folder) as entries:
        for entry in entries:
            stem = entry.name.partition(".")[0]
            if not stem.isidentifier() or entry.name in {*OWN_NAMES, PYCACHE}:
                continue
            if entry.name.endswith(IMPORTABLE) and not entry.is_dir():
                yield entry.name
            elif entry.is_dir() and entry.name == stem and _has_module(Path(entry.path)):
                yield f"{entry.name}/"


def _list_files(places: ImportPlaces) -> Listing:
    listing = Listing()
    listing.add_folder(str(places.packages))
    for folder in places.standard:
        # Extensions mostly lie below the rest of the standard library, and are listed with it.
        if not any(other in folder.parents for other in places.standard):
            listing.add_folder(str(folder), frozenset({"site-packages", "dist-packages"}))
    for file in (places.program, places.shared_library):
        if file is not None:
            listing.add_file(str(file))
    return listing


def _measure(
    tree: Tree, places: ImportPlaces, listing: Listing, digest_of: Callable[[str], str]
) -> dict[str, Any]:
    """Return digest and foreign names of what is installed."""
    distributions = read_distributions(places.packages)
    run_lock = _locked(tree, RUN_LOCKS)
    other_lock = _locked(tree, OTHER_LOCKS)
    run = [item for item in distributions if item.version in run_lock.get(item.name, ())]
    other = [
        item
        for item in distributions
        if item not in run
        and (item.version in other_lock.get(item.name, ()) or item.name == INSTALLER)
    ]
    unknown = [item for item in distributions if item not in run and item not in other]

    # 1. The digest: by names that do not hang on where the environment lies.
    run_files = frozenset[str]().union(*(item.files for item in run))
    top = f"{places.packages}/"
    named: dict[str, str] = {"version": sha256(sys.version.encode()).hexdigest()}
    program_sha256 = digest_of(str(places.program))
    named["program"] = program_sha256
    if places.shared_library is not None:
        named["shared library"] = digest_of(str(places.shared_library))
    for path in listing.states:
        if path.startswith(top):
            if (relative := path.removeprefix(top)) in run_files:
                named[f"packages/{relative}"] = digest_of(path)
            continue
        for folder in places.standard:
            if path.startswith(f"{folder}/"):
                named[f"standard/{path.removeprefix(f'{folder}/')}"] = digest_of(path)
                break
    manifest = sorted((_shown(name), digest) for name, digest in named.items())

    # 2. What belongs to none of the locked distributions.
    owned = run_files.union(*(item.files for item in (*other, *unknown)))
    foreign = {_described(item, run_lock.get(item.name, frozenset())) for item in unknown}
    foreign |= _unowned(listing, places, owned)

    implementation = f"{sys.implementation.name} {sys.version.split()[0]}"
    return {
        "sha256": folder_sha256(manifest),
        "interpreter": f"{implementation} sha256:{program_sha256}",
        "foreign": sorted(foreign),
    }


def _locked(tree: Tree, names: Iterable[str]) -> dict[str, frozenset[str]]:
    locked: dict[str, frozenset[str]] = {}
    for name in names:
        for item, versions in read_lock(tree.files.get(name, b"")).items():
            locked[item] = locked.get(item, frozenset()) | versions
    return locked


def _unowned(listing: Listing, places: ImportPlaces, owned: frozenset[str]) -> set[str]:
    """Return what can be imported from the folder of packages and is no distribution's."""
    top = f"{places.packages}/"
    owned_names = {path.partition("/")[0] for path in owned}
    foreign: set[str] = set()

    for path in (*listing.states, *listing.links):
        if not path.startswith(top):
            continue
        relative = path.removeprefix(top)
        name = relative.partition("/")[0]
        is_at_top = name == relative

        if name.partition(".")[0] in RUN_AT_START:
            foreign.add(name)
        elif relative in owned or (is_at_top and name == OWN_PTH):
            continue
        elif name.endswith((".egg-info", ".egg", ".egg-link")) or (
            is_at_top and name.endswith(".pth")
        ):
            foreign.add(name)
        elif relative.endswith(IMPORTABLE) or path in listing.links:
            foreign.add(relative if name in owned_names or is_at_top else f"{name}/")
    return foreign


def _foreign_paths(places: ImportPlaces, workspace: Path) -> Iterator[str]:
    """Yield what else `sys.path` leads to."""
    known = {places.packages, workspace, places.own, *places.standard}
    if (target := _target_of(places.packages / OWN_PTH)) is not None:
        if not target.is_dir():
            yield OWN_PTH
        elif target.resolve() not in (workspace, places.own):
            # Another checkout, as where several share one environment. Its `tasks` and `flows` come
            # after those of the workspace, which hide them; all else there could be imported.
            yield from (f"{OWN_PTH}: {name}" for name in importable_names(target))
        known.add(target.resolve())

    for entry in places.search_path:
        path = Path(entry).resolve()
        is_zip = re.fullmatch(r"python\d+\.zip", path.name) and not path.exists()
        if not is_zip and path not in known and path.exists():
            yield f"sys.path: {path}"


def _target_of(pth: Path) -> Path | None:
    """Return the folder that our own `.pth` file names; itself, no folder, if it says more."""
    try:
        line, _, rest = pth.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return pth
    if rest.strip() or not line.startswith("/"):
        return pth
    return Path(line)


def _has_module(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(IMPORTABLE) for entry in entries)
    except PermissionError:
        return False  # neither can be imported


def _described(item: Distribution, locked: frozenset[str]) -> str:
    return f"{item} (locked: {', '.join(sorted(locked))})" if locked else str(item)


def _shortened(names: set[str]) -> tuple[str, ...]:
    """Return the first names in order, and how many more there are."""
    in_order = sorted(_shown(name) for name in names)
    rest = len(in_order) - MOST_FOREIGN
    return (*in_order[:MOST_FOREIGN], f"and {rest} more") if rest > 0 else tuple(in_order)


def _shown(name: str) -> str:
    """Return a name of a file as a statement can hold it: bytes that are no text are escaped."""
    if name.isprintable():
        return name
    return name.encode("unicode_escape", "backslashreplace").decode("ascii")
