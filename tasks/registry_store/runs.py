"""The run that a version is made of: where its artifacts lie, and what they are, by their bytes.

A source is one of two places under the run's own root, letter by letter; nothing is decoded,
resolved or followed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of
from tasks.formats.shown import kind_of_error
from tasks.registry.artifacts import MODEL
from tasks.registry.client import CLEARANCE_FILE, EVIDENCE, PROMOTION_FILE
from tasks.registry_store.configuring import StoreConfig

RUN_ID = re.compile(r"[0-9a-f]{32}")
SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
BY_DIGEST = re.compile(r"sha256/[0-9a-f]{64}")


def _named(file: str) -> re.Pattern[str]:
    """Return what matches a file of evidence, with the entry that it is named by."""
    name = re.escape(f"{EVIDENCE}/{file}")
    return re.compile(name.replace(r"\{entry\}", r"(0|[1-9][0-9]{0,17})"))


CLEARANCE = _named(CLEARANCE_FILE)
PROMOTION = _named(PROMOTION_FILE)
MOST_FILES = 1000  # of a packed model, which has some twenty
MOST_CLEARANCE_BYTES = 16 << 20  # as the verifier takes by default


@dataclass(frozen=True)
class ReleasedRun:
    """A finished run under whose root a source lies; `folder` is that place within the root."""

    run_id: str
    root: str
    folder: str

    @contextmanager
    def fetched(self, config: StoreConfig) -> Iterator[Path]:
        """Yield a private copy of the packed model: what is judged is what was read, once.

        Raises:
            EvidenceError: There is nothing, or more than a packed model has.
        """
        artifacts = RunArtifacts.of(self.root)
        # By the listing, before it is copied: a copy without an end would fill the server's disk.
        artifacts.require_size(self.folder, config.most_model_bytes)
        with TemporaryDirectory(prefix="portcullis-registry-") as scratch:  # of mode 0700
            yield artifacts.download(self.folder, Path(scratch))

    def digest(self, config: StoreConfig) -> str:
        """Return the digest of all bytes that lie there now."""
        with self.fetched(config) as stored:
            return sha256_of(stored)

    def clearances(self) -> tuple[int, ...]:
        """Return the entries of the log as of which the run holds an archive, sorted."""
        return self._entries(CLEARANCE)

    def promotions(self) -> tuple[int, ...]:
        """Return the decisions that let its version serve, of which the run holds an archive."""
        return self._entries(PROMOTION)

    def _entries(self, named: re.Pattern[str]) -> tuple[int, ...]:
        names = RunArtifacts.of(self.root).sizes(EVIDENCE)
        return tuple(sorted(int(match[1]) for name in names if (match := named.fullmatch(name))))

    @contextmanager
    def clearance(self, entry: int, file: str = CLEARANCE_FILE) -> Iterator[Path]:
        """Yield a private copy of the log's archive as of an entry.

        Raises:
            EvidenceError: There is none.
        """
        artifacts = RunArtifacts.of(self.root)
        name = f"{EVIDENCE}/{file.format(entry=entry)}"
        size = artifacts.sizes(EVIDENCE).get(name)

        if size is None or size > MOST_CLEARANCE_BYTES:
            found = "none" if size is None else "a larger one"
            raise _refused("evidence", "the log's archive, published with the run", found)

        with TemporaryDirectory(prefix="portcullis-registry-") as scratch:
            yield artifacts.download(name, Path(scratch))


def find_released_run(
    tracking_store: Any, run_id: str | None, source: str, config: StoreConfig
) -> ReleasedRun:
    """Return the run that a source belongs to.

    Raises:
        EvidenceError: It is no finished run, its artifacts lie in no place that is pinned, or the
            source is not one of its two places.
    """
    from mlflow.exceptions import MlflowException

    if not run_id or not RUN_ID.fullmatch(run_id):
        raise _refused("run", "the run that the model was published with", "none")
    try:
        run = tracking_store.get_run(run_id)
    except MlflowException as error:
        raise _refused("run", "a run of this server", "none") from error
    if run.info.status != "FINISHED" or run.info.lifecycle_stage != "active":
        raise _refused("run", "a finished run", "one that is open, failed or deleted")

    root = str(run.info.artifact_uri)
    # `<pinned>/…/<run>/artifacts`: an experiment whose place is another run's lies elsewhere.
    ending = rf"({SEGMENT}/)*{run_id}/artifacts"
    if not any(
        re.fullmatch(re.escape(f"{start.rstrip('/')}/") + ending, root, re.ASCII)
        for start in config.artifact_roots
    ):
        raise _refused(
            "run", "artifacts in a place that the server's configuration names", "others"
        )

    folder = source.removeprefix(f"{root}/")
    is_ours = source == f"{root}/{folder}"
    if not is_ours or (folder != MODEL and not BY_DIGEST.fullmatch(folder)):
        raise _refused("source", "the packed model of the version's own run", "another place")
    return ReleasedRun(run_id, root, folder)


@dataclass(frozen=True)
class RunArtifacts:
    """What lies under a run's root, read by the server's own hand and not through a client."""

    repository: Any  # MLflow's `ArtifactRepository`
    path: str

    @classmethod
    def of(cls, place: str) -> "RunArtifacts":
        """Open them; `mlflow-artifacts:` is what this very server keeps."""
        from mlflow.server import handlers
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if place.startswith("mlflow-artifacts:"):
            path = handlers._get_proxied_run_artifact_destination_path(place)
            return cls(handlers._get_artifact_repo_mlflow_artifacts(), path)
        return cls(get_artifact_repository(place), "")

    def sizes(self, folder: str) -> dict[str, int]:
        """Return name (below the root) -> size of every file in a folder and below it.

        Raises:
            EvidenceError: There are more files than a packed model has.
        """
        sizes: dict[str, int] = {}
        folders = [self._full(folder)]
        listed = 0

        while folders:
            # By a list, not by recursion: how deep folders nest is somebody else's.
            with _unreadable():
                items = self.repository.list_artifacts(folders.pop())

            for item in items:
                if item.is_dir:
                    folders.append(item.path)
                else:
                    sizes[self._short(item.path)] = int(item.file_size or 0)

            # While they are listed, so that a listing without an end is not read to its end.
            # Folders that were listed count: of a chain of them only one at a time is left to list.
            listed += 1
            if len(sizes) + len(folders) + listed > MOST_FILES:
                raise _refused("artifacts", f"at most {MOST_FILES} files", "more")

        return sizes

    def require_size(self, folder: str, most_bytes: int) -> None:
        """Refuse to read more than that."""
        sizes = self.sizes(folder)
        if not sizes:
            raise _refused("source", "a packed model", "nothing")
        if sum(sizes.values()) > most_bytes:
            raise _refused("source", f"at most {most_bytes} bytes", "more")

    def download(self, name: str, folder: Path) -> Path:
        """Copy a file or a folder into a private folder; return the copy."""
        with _unreadable():
            return Path(self.repository.download_artifacts(self._full(name), dst_path=str(folder)))

    def _full(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self.path}/") if self.path else path


@contextmanager
def _unreadable() -> Iterator[None]:
    """Say of what cannot be read that it cannot: MLflow's own words name places on the server."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise _refused("artifacts", "files that can be read", kind_of_error(error)) from error


def _refused(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        f"model version, {where}",
        expected=expected,
        found=found,
        remedy="Nothing was registered: let the release publish it.",
    )
