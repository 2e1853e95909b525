"""The engine on a Dask cluster: the same function on workers that somebody runs elsewhere.

Dask gives a chunk that was on a lost worker to another one; results are taken once, in order, so
nothing is lost or doubled. Workers need this checkout, its environment and its models. Texts are
personal data: they travel under TLS.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ConfigError, ServiceError
from tasks.redaction.engines import worker
from tasks.redaction.engines.local import in_order
from tasks.redaction.params import RedactParams
from tasks.redaction.texts import MaskedChunk, TextChunk

# for each thread of a worker; more than in `local.py`, because chunks cross a network meanwhile
CHUNKS_AHEAD = 3
RETRIES = 3  # how often a chunk whose worker was lost is tried again before the run is given up
PATIENCE_SECONDS = 30
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class DaskCluster:
    """Masks chunks on a Dask cluster."""

    def __init__(self, params: RedactParams, trial: list[str], address: str) -> None:
        """Take the scheduler's address, `tls://host:port`; `tcp://` on this machine only.

        Raises:
            ConfigError: Texts would cross a network in clear.
        """
        parts = urlsplit(address)
        if parts.scheme != "tls" and parts.hostname not in LOOPBACK:
            raise ConfigError(
                "redact.engine.address",
                expected="tls://host:port (tcp:// on this machine only)",
                found=f"{parts.scheme or 'no scheme'}://",
                remedy=(
                    "Run the cluster with TLS: texts about people would cross the network in clear."
                ),
            )
        self._params = params
        self._trial = tuple(trial)
        self._address = address

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        """Yield every chunk masked, in order.

        Raises:
            ServiceError: The cluster does not answer, has no worker, or lost a chunk's workers
                again and again.
        """
        distributed = _import_distributed()
        try:
            with distributed.Client(
                self._address, timeout=PATIENCE_SECONDS, set_as_default=False
            ) as client:
                client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
                threads = sum(client.nthreads().values())
                yield from in_order(
                    lambda chunk: self._submit(client, chunk),
                    chunks,
                    ahead=max(2, threads * CHUNKS_AHEAD),
                )
        except (OSError, TimeoutError, distributed.KilledWorker) as error:
            raise ServiceError(
                "redact.engine",
                expected=f"a Dask cluster at {self._address}",
                found=f"none that works ({type(error).__name__})",
                remedy="Look at the scheduler and its workers, then run the stage again.",
            ) from error

    def _submit(self, client: Any, chunk: TextChunk) -> Any:
        # impure: of equal chunks Dask would compute, and return, only one
        return client.submit(
            worker.mask_chunk, self._params, self._trial, chunk, pure=False, retries=RETRIES
        )


def _import_distributed() -> Any:
    """Return the package `distributed`, which is no requirement of ours.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "redact.engine",
            expected="the package `distributed` for an engine of kind `dask`",
            found="none",
            remedy="Install it in .venv: `uv pip install distributed`.",
        ) from error
    return distributed
