"""The engine on a Dask cluster: the same function on workers that somebody runs elsewhere.

1. The address is under TLS, or on this machine with all its workers.
2. Workers run their own copy of this project, of the same version as here, and spill to no disk.
   Each says so with every answer: who joins late is asked, too.
3. Dask gives a partition that was on a lost worker to another one. Answers are taken once, in
   order, and each says which partition it is about: nothing is lost or doubled.
4. Some partitions are worked on here, too. Which ones nobody can foretell.
5. What a worker holds, it holds until its answer is taken.

Partitions are personal data. A worker is believed as much as the stage is: its answers are pickles.
"""

import ipaddress
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.engines.answering import Parcel, Reply, ReplyOutcome, answer_partition, name_of
from tasks.engines.comparing import digest_answer
from tasks.engines.identity import identity_of_process
from tasks.engines.mapping import Answer, Partition, Shared, in_order
from tasks.errors import ConfigError, ServiceError
from tasks.settings import Settings

# for each thread of a worker; more than in `local.py`: partitions cross a network meanwhile
PARTITIONS_AHEAD = 3
PATIENCE_SECONDS = 30
RETRIES = 3  # of a partition whose workers were lost together with what all partitions share
WHERE = "engine"
CERTIFICATES = ("PORTCULLIS_DASK_CA", "PORTCULLIS_DASK_CERT", "PORTCULLIS_DASK_KEY")
MOST_NAMED = 3  # differences of a worker's version, in a message


class DaskCluster:
    """Works on partitions on a Dask cluster."""

    def __init__(self, address: str, checked_ratio: float, settings: Settings) -> None:
        """Take the scheduler's address, `tls://host:port`; `tcp://` on this machine only.

        Raises:
            ConfigError: Partitions would cross a network in clear, or certificates are missing.
        """
        self._is_under_tls = _require_safe(address)
        self._address = address
        self._checked_ratio = checked_ratio
        self._certificates = _require_certificates(settings) if self._is_under_tls else ("", "", "")
        self._workers: set[str] = set()
        self._answers = 0
        self._checked = 0

    def describe(self) -> dict[str, str]:
        """Return what a statement says: the library, who worked, and what was checked here."""
        return {
            "kind": "dask",
            "distributed": str(_import_distributed().__version__),
            "transport": "tls" if self._is_under_tls else "this machine",
            "workers": str(len(self._workers)),
            "partitions": str(self._answers),
            "partitions checked": str(self._checked),
        }

    def map(
        self,
        function: Callable[[Shared, Partition], Answer],
        shared: Shared,
        partitions: Iterable[Partition],
    ) -> Iterator[Answer]:
        """Yield the answer of every partition, in order.

        Raises:
            PortcullisError: As the function raises it here, too.
            ConfigError: A worker is of another version, spills, or is elsewhere without TLS.
            ServiceError: The cluster does not answer, has no worker, lost a partition's workers
                again and again, or answered what this process does not.
        """
        check = _Check(function, shared, self._checked_ratio)
        with self._connected() as client:
            threads = sum(client.nthreads().values())
            # kept until all answers are taken; workers that come later fetch it from each other
            content = Parcel.of(shared)
            sent = client.scatter(content, broadcast=True, hash=False)

            def ask(parcel: Parcel) -> Any:
                nonlocal sent
                # Where all workers that held it are gone, Dask cannot bring it back: we can.
                if sent.cancelled():
                    sent = client.scatter(content, broadcast=True, hash=False)

                # impure: of equal partitions Dask would compute, and return, only one
                return client.submit(
                    answer_partition,
                    sent,
                    name_of(function),
                    parcel,
                    identity_of_process(),
                    pure=False,
                )

            def submit(partition: Partition) -> "_Asked":
                parcel = Parcel.of(partition)
                return _Asked(client, ask, ask(parcel), parcel)

            asked: Any = in_order(
                submit,  # type: ignore[arg-type] # `result` is all that it asks of a future
                partitions,
                # Of the workers that are there at the start: who joins later finds fewer waiting,
                # and memory here stays bounded.
                ahead=max(2, threads * PARTITIONS_AHEAD),
            )
            for reply, parcel in asked:
                answer = self._accept(reply, parcel, check)
                self._answers += 1
                yield answer
            check.finish()
            self._checked += check.made

    def _accept(self, reply: Reply, parcel: Parcel, check: "_Check") -> Any:
        """Return the answer of a reply that can be believed as far as this process can tell."""
        self._workers.add(reply.worker)
        if not self._is_under_tls:
            _require_loopback([reply.worker])
        # Answers come back by Dask's own keys: that one is about this partition only its digest
        # says.
        if reply.partition_sha256 != parcel.sha256:
            raise _unbelieved("one about another partition")

        match reply.outcome:
            case ReplyOutcome.FOREIGN:
                names = reply.identity.differing(identity_of_process())
                raise ConfigError(
                    WHERE,
                    expected="workers of this project's version, with the same libraries",
                    found=f"one that differs in {_listed(names)}",
                    remedy="Install the same checkout and `requirements.lock` on every worker.",
                )
            case ReplyOutcome.SPILLING:
                raise ConfigError(
                    WHERE,
                    expected="workers that keep what they hold in memory",
                    found="one that may write it to its disk in clear",
                    remedy="Start workers with DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=False and "
                    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False.",
                )
            case ReplyOutcome.FAILED:
                # What it raised there it raises here, in words of this process's own.
                check.compute(parcel)
                raise _unbelieved("a failure where this process has an answer")
        # Again, although the worker has compared: what it says of itself and what it answers come
        # together.
        if reply.answer is None or reply.identity != identity_of_process():
            raise _unbelieved("none")

        answer = reply.answer.values
        check.consider(parcel, answer)
        return answer

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Yield a client of the scheduler; what goes wrong with the cluster is a ServiceError."""
        distributed = _import_distributed()
        try:
            with distributed.Client(
                self._address,
                timeout=PATIENCE_SECONDS,
                set_as_default=False,
                security=self._security(distributed),
            ) as client:
                client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
                if not self._is_under_tls:
                    _require_loopback(client.nthreads())
                yield client
        except (OSError, TimeoutError, CancelledError, distributed.KilledWorker) as error:
            raise ServiceError(
                WHERE,
                expected=f"a Dask cluster at {self._address}",
                found=f"none that works ({type(error).__name__})",
                remedy="Look at the scheduler and its workers, then run the stage again.",
            ) from error

    def _security(self, distributed: Any) -> Any:
        if not self._is_under_tls:
            return None
        authority, certificate, key = self._certificates
        return distributed.Security(
            require_encryption=True,
            tls_ca_file=authority,
            tls_client_cert=certificate,
            tls_client_key=key,
        )


@dataclass(frozen=True)
class _Asked:
    """A partition that a worker was asked about."""

    client: Any
    ask: Callable[[Parcel], Any]
    future: Any
    parcel: Parcel

    def result(self) -> tuple[Reply, Parcel]:
        """Return the worker's reply, and the partition; ask again where what all share was lost."""
        future = self.future
        for _ in range(RETRIES):
            try:
                return future.result(), self.parcel
            except CancelledError:
                # also how a scheduler that vanished shows
                # A scheduler that vanished cancels everything, too: asking it again would fail, and
                # hide why.
                if self.client.status != "running":
                    raise
                future = self.ask(self.parcel)

        return future.result(), self.parcel


class _Check:
    """Works on some partitions here, and compares; on one at least."""

    def __init__(self, function: Callable[..., Any], shared: Any, ratio: float) -> None:
        self._function = function
        self._shared = shared
        self._ratio = ratio
        self._seen = 0
        self._kept: tuple[Parcel, str] | None = None  # one of those seen, each as likely
        self.made = 0

    def consider(self, parcel: Parcel, answer: Any) -> None:
        """Compare an answer, perhaps: which ones are, no worker can foretell."""
        self._seen += 1
        # From the system's randomness, not a seeded generator: a worker that could foretell which
        # answers are compared would lie in the others.
        if secrets.randbelow(10**9) < self._ratio * 10**9:
            self._compare(parcel, digest_answer(answer))
        # Reservoir sampling of one (Vitter, Algorithm R): of however many answers come, each is
        # kept with the same chance. Its digest is kept, not the answer.
        elif not self.made and secrets.randbelow(self._seen) == 0:
            self._kept = (parcel, digest_answer(answer))

    def finish(self) -> None:
        """Compare one answer, where none has been compared."""
        if self._kept and not self.made:
            self._compare(*self._kept)

    def compute(self, parcel: Parcel) -> Any:
        """Return what this process answers."""
        return self._function(self._shared, parcel.values)

    def _compare(self, parcel: Parcel, digest: str) -> None:
        self.made += 1
        if digest_answer(self.compute(parcel)) != digest:
            raise _unbelieved("another one")


def _unbelieved(found: str) -> ServiceError:
    return ServiceError(
        WHERE,
        expected="the answer that this process gives, too",
        found=f"{found}, from a worker of the cluster",
        remedy="Nothing of it was used. Find the worker, and look at who runs it.",
    )


def _require_safe(address: str) -> bool:
    """Say whether an address is under TLS; refuse one that is not, and on another machine."""
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return True
    # In clear only where nobody can listen: bytes to the loopback address leave no network card.
    if parts.scheme == "tcp" and _is_loopback(address):
        return False

    raise ConfigError(
        f"{WHERE}.address",
        expected="tls://host:port (tcp:// on this machine only)",
        found=f"{parts.scheme or 'no scheme'}://",
        remedy="Run the cluster with TLS: data about people would cross the network in clear.",
    )


def _require_loopback(workers: Iterable[str]) -> None:
    if elsewhere := [worker for worker in workers if not _is_loopback(worker)]:
        raise ConfigError(
            f"{WHERE}.address",
            expected="workers on this machine, or a cluster under TLS",
            found=f"{len(elsewhere)} elsewhere, without TLS",
            remedy="Run the cluster with TLS: data about people would cross the network in clear.",
        )


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_certificates(settings: Settings) -> tuple[str, str, str]:
    """Return the files of the authority, the certificate and its key."""
    paths = (settings.dask_ca_file, settings.dask_certificate_file, settings.dask_key_file)
    for variable, path in zip(CERTIFICATES, paths, strict=True):
        # Absolute: stages and commands run in different folders, and a relative path would name
        # another file in each.
        if not path or not Path(path).is_absolute() or not Path(path).is_file():
            raise ConfigError(
                f"${variable}",
                expected="the absolute path of a PEM file, for a cluster under TLS",
                found="a path to no file" if path else "none",
                remedy="Let the cluster's own authority sign one: docs/many-machines.md.",
            )

    return paths


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _import_distributed() -> Any:
    """Return the package `distributed`, which is no requirement of ours.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            WHERE,
            expected="the package `distributed` for an engine of kind `dask`",
            found="none",
            remedy="Install it in .venv: `uv pip install distributed`.",
        ) from error

    return distributed
