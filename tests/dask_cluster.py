"""A real Dask cluster on this machine, for tests: a scheduler and workers, each a process."""

import datetime
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.settings import Settings

CHECKOUT = Path(__file__).parents[1]
# What docs/many-machines.md tells people to start workers with.
WITHOUT_SPILLING = {
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False",
}


@dataclass(frozen=True)
class Certificates:
    """Files of a cluster's own authority, and of one certificate for all that connect."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a stage reads."""
        return {
            "PORTCULLIS_DASK_CA": str(self.authority),
            "PORTCULLIS_DASK_CERT": str(self.certificate),
            "PORTCULLIS_DASK_KEY": str(self.key),
        }

    @property
    def options(self) -> list[str]:
        """What Dask's own commands take."""
        files = (self.authority, self.certificate, self.key)
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        return [part for name, file in zip(names, files, strict=True) for part in (name, str(file))]


@dataclass
class Cluster:
    """A running cluster; processes are started and killed by whoever holds it."""

    address: str
    scheduler: "subprocess.Popen[bytes]"
    certificates: Certificates | None
    folder: Path
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings of a stage that may connect."""
        return Settings.from_environment(self.certificates.environment if self.certificates else {})

    def start_worker(
        self, threads: int = 1, environment: Mapping[str, str] = WITHOUT_SPILLING
    ) -> "subprocess.Popen[bytes]":
        """Start a worker; a client waits for it."""
        number = len(self.workers)
        worker = _start(
            "worker",
            [
                self.address,
                *("--host", "127.0.0.1", "--no-nanny", "--no-dashboard"),
                *("--nthreads", str(threads)),
                *("--local-directory", str(self.folder / f"worker-{number}")),
                *(self.certificates.options if self.certificates else []),
            ],
            self.folder / f"worker-{number}.log",
            {"PYTHONPATH": str(CHECKOUT), **environment},
        )
        self.workers.append(worker)
        return worker

    @property
    def logs(self) -> str:
        """Everything that scheduler and workers have printed."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two worker processes of two threads each, for all tests of a module."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2, threads=2) as running:
        yield running


@contextmanager
def dask_cluster(
    folder: Path, workers: int = 2, threads: int = 1, is_under_tls: bool = True
) -> Iterator[Cluster]:
    """Run a scheduler and workers on the loopback interface."""
    pytest.importorskip("distributed", reason="the package `distributed` is not installed")
    from distributed.utils import open_port

    certificates = make_certificates(folder) if is_under_tls else None
    port = open_port("127.0.0.1")
    scheduler = _start(
        "scheduler",
        [
            *("--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"),
            *(certificates.options if certificates else []),
        ],
        folder / "scheduler.log",
        {"PYTHONPATH": str(CHECKOUT)},
    )
    scheme = "tls" if certificates else "tcp"
    cluster = Cluster(f"{scheme}://127.0.0.1:{port}", scheduler, certificates, folder)
    try:
        for _ in range(workers):
            cluster.start_worker(threads)
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            process.kill()
            process.wait()


def make_certificates(folder: Path, name: str = "cluster") -> Certificates:
    """Make an authority, and one certificate that it signs."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    authority = _certify(authority_name, authority_key, authority_name, authority_key, is_ca=True)
    certificate = _certify(own_name, key, authority_name, authority_key, is_ca=False)

    made = Certificates(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _certify(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _start(
    role: str, arguments: list[str], log: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{role}", *arguments],
            stdout=output,
            stderr=output,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        )
