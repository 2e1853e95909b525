"""Where a release's artifacts lie: in MLflow's own store, or in the release bucket.

In the bucket each object is written once, and MLflow's client writes and reads nothing there: the
worker does, by its own credentials, so that what is read back is what lies under the lock.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tasks.registry.moving import ARTIFACTS
from tasks.registry_bucket import (
    ReleaseBucket,
    fetch_folder,
    has_object,
    open_bucket,
    store_folder,
    store_model,
)
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MODEL = "model"  # the artifact folder of a run that holds the packed model
SOURCE_TAG = "portcullis.source"  # of a run: where below its artifacts the packed model lies


class ArtifactStore(Protocol):
    """What `publish` asks of the place that a release's artifacts are kept in."""

    @property
    def can_continue(self) -> bool:
        """Whether a run that an interrupted call began may be written to again."""

    def location(self, experiment: str) -> str | None:
        """Return where a new experiment has its artifacts; None leaves it to MLflow's server."""

    def holds(self, source: str) -> bool:
        """Say whether a version with this source is one of this store."""

    def write_document(self, run: "Run", folder: str, path: Path) -> None:
        """Write a file, or the files of a folder, into a folder of a run's artifacts."""

    def has_document(self, run: "Run", folder: str, name: str) -> bool:
        """Say whether a folder of a run's artifacts has a file of this name."""

    def write_model(self, run: "Run", packed: Path) -> str:
        """Write a packed model; return its place below the run's artifacts."""

    def fetch(self, source: str, folder: Path) -> Path:
        """Download what lies at a source into a folder; return where it is there."""


@dataclass(frozen=True)
class MlflowArtifacts:
    """MLflow's own store: a folder of this installation, or what the registry's server keeps."""

    client: "MlflowClient"
    installation: Installation
    can_continue: bool = True

    def location(self, experiment: str) -> str | None:
        """Return a folder of this installation, unless a server says where."""
        if self.installation.settings.tracking_uri:
            return None
        return (self.installation.home / ARTIFACTS / experiment).as_uri()

    def holds(self, source: str) -> bool:
        """Say yes: a version may have any source that MLflow can read."""
        return bool(source)

    def write_document(self, run: "Run", folder: str, path: Path) -> None:
        """Write it through MLflow."""
        if path.is_dir():
            self.client.log_artifacts(run.info.run_id, str(path), folder)
        else:
            self.client.log_artifact(run.info.run_id, str(path), folder)

    def has_document(self, run: "Run", folder: str, name: str) -> bool:
        """Ask MLflow."""
        present = self.client.list_artifacts(run.info.run_id, folder)
        # MLflow has no question for one name.
        return f"{folder}/{name}" in {item.path for item in present}

    def write_model(self, run: "Run", packed: Path) -> str:
        """Write it through MLflow."""
        self.client.log_artifacts(run.info.run_id, str(packed), MODEL)
        return MODEL

    def fetch(self, source: str, folder: Path) -> Path:
        """Download through MLflow."""
        from mlflow.artifacts import download_artifacts

        uri = self.client.tracking_uri
        stored = download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=uri)
        return Path(stored)


@dataclass(frozen=True)
class BucketArtifacts:
    """The release bucket.

    A run that an interrupted call began is not continued: its pages may have other words by now,
    and nothing there is written twice.
    """

    bucket: ReleaseBucket
    others: MlflowArtifacts  # by which versions of a time before the bucket are read
    can_continue: bool = False

    def location(self, experiment: str) -> str | None:
        """Return the bucket: each run has a folder of its own there."""
        del experiment
        return self.bucket.url

    def holds(self, source: str) -> bool:
        """Say whether it lies in the bucket."""
        return self.bucket.holds(source)

    def write_document(self, run: "Run", folder: str, path: Path) -> None:
        """Write each file once, locked."""
        store_folder(path, f"{run.info.artifact_uri}/{folder}", self.bucket)

    def has_document(self, run: "Run", folder: str, name: str) -> bool:
        """Ask the bucket."""
        return has_object(f"{run.info.artifact_uri}/{folder}/{name}", self.bucket)

    def write_model(self, run: "Run", packed: Path) -> str:
        """Write each file once, locked, under the digest of all of them."""
        stored = store_model(packed, run.info.artifact_uri, self.bucket)
        return stored.source.removeprefix(f"{run.info.artifact_uri.rstrip('/')}/")

    def fetch(self, source: str, folder: Path) -> Path:
        """Download by the worker's own credentials."""
        # Versions of a time before the bucket lie in MLflow's own store, and are still loaded.
        if self.bucket.holds(source):
            return fetch_folder(source, folder, self.bucket)
        return self.others.fetch(source, folder)


def open_artifacts(client: "MlflowClient", installation: Installation) -> ArtifactStore:
    """Return the store that this installation's settings name.

    Raises:
        ConfigError: The release bucket is set in another form, or without its days.
    """
    bucket = open_bucket(installation.settings)
    own = MlflowArtifacts(client, installation)
    return own if bucket is None else BucketArtifacts(bucket, own)


def source_of(run: "Run") -> str:
    """Return where the packed model of a finished run lies.

    What the run's tag says proves nothing: the bytes that lie there are read back. It leads to no
    place outside of the run's artifacts.
    """
    # A tag is whatever somebody set: with `..` in it the place would be another run's.
    place = run.data.tags.get(SOURCE_TAG, MODEL)
    return f"{run.info.artifact_uri.rstrip('/')}/{place if '..' not in place else MODEL}"
