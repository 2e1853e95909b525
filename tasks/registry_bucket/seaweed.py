"""How a SeaweedFS server is started of which nothing but S3 answers to who has no credentials.

Its inner ports know no Object Lock, and each of them can do away with locked objects:

- the filer's HTTP port and socket (`DELETE /buckets/…`), the master's (`/col/delete?collection=…`
  takes all of a bucket): not served at all (`-disableHttp`), and under JSON Web Tokens besides;
- the volume server's HTTP port, which S3 needs: under JSON Web Tokens;
- the gRPC ports of all of them: mutual TLS, by certificates that are made here for one server.

Whoever reads the folder of the server holds its keys and its disk, and needs no port.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HOST = "127.0.0.1"
ACCOUNTS = "accounts.json"
TOKENS = ("signing", "signing.read", "filer_signing", "filer_signing.read")
COMPONENTS = ("master", "volume", "filer", "s3", "client")
CERTIFICATE_DAYS = 3650  # of a certificate that is trusted by nothing but this one server
PORTS = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")

OWNER_MAY = ("Admin", "Read", "Write", "List", "Tagging")
# Never `Admin`: not all that such an account does is held to the bucket's policy (ADR 95).
WRITER_MAY = ("Read", "Write", "List", "PutObjectRetention")
READER_MAY = ("Read", "List")


@dataclass(frozen=True)
class S3Account:
    """A name with credentials, and what it may do by SeaweedFS' own words."""

    name: str
    access_key: str
    secret_key: str
    actions: tuple[str, ...]

    @classmethod
    def new(cls, name: str, actions: tuple[str, ...]) -> "S3Account":
        """Return one with credentials that nobody has had before."""
        return cls(name, secrets.token_hex(10).upper(), secrets.token_hex(20), actions)


def write_configuration(folder: Path, accounts: Sequence[S3Account]) -> None:
    """Write the keys, certificates and accounts of one server into a folder that is its alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    (folder / "data").mkdir(exist_ok=True)
    _write_certificates(folder)

    # A key for each of the four, and new for each server: none is shared with a server that
    # somebody else runs.
    tokens = "".join(f'[jwt.{name}]\nkey = "{secrets.token_hex(32)}"\n' for name in TOKENS)
    paths = f'cert = "{folder / "inner.pem"}"\nkey = "{folder / "inner.key"}"\n'
    components = "".join(f"[grpc.{name}]\n{paths}" for name in COMPONENTS)
    _write(folder / "security.toml", f'{tokens}[grpc]\nca = "{folder / "ca.pem"}"\n{components}')

    write_accounts(folder, accounts)


def write_accounts(folder: Path, accounts: Sequence[S3Account]) -> None:
    """Write who may sign requests, which the server reads when it starts.

    An account with `Admin` is needed to make a bucket, and has to be left out when the server is
    started again, before anything is released: it asks a bucket's policy neither when an
    administrator posts a form nor when one deletes several objects at once. Locked versions stay
    in either case; what is current does not.
    """
    identities = [
        {
            "name": account.name,
            "credentials": [{"accessKey": account.access_key, "secretKey": account.secret_key}],
            "actions": list(account.actions),
        }
        for account in accounts
    ]

    _write(folder / ACCOUNTS, json.dumps({"identities": identities}))


def remove_accounts(folder: Path) -> None:
    """Remove the file of accounts, which a server that answers S3 has read."""
    (folder / ACCOUNTS).unlink(missing_ok=True)


def server_command(program: str, folder: Path, ports: Mapping[str, int]) -> list[str]:
    """Return the command that starts the server in its folder, which has to be its current one.

    Args:
        program: The path of `weed`.
        folder: As `write_configuration` left it.
        ports: A free port for each of `PORTS`.
    """
    # No HTTP at all for master and filer: `GET /col/delete` at the master takes a locked bucket
    # away, and a filer's port deletes locked objects without credentials (ADR 95).
    options = {
        "disableHttp": "true",
        "dir": str(folder / "data"),
        "ip": HOST,
        "ip.bind": HOST,
        **{f"{name.partition('.')[0]}.port{_suffix(name)}": str(ports[name]) for name in PORTS},
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "64",
        "volume.max": "64",
        "volume.preStopSeconds": "0",
        "filer": "true",
        "filer.localSocket": str(folder / "filer.sock"),
        "s3": "true",
        "s3.localSocket": str(folder / "s3.sock"),
        "s3.config": str(folder / ACCOUNTS),
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        # Else whoever may delete a bucket deletes what is locked in it.
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
    }

    # Else it writes the same into files of its folder as well.
    return [
        program,
        "-logtostderr=true",
        "server",
        *(f"-{name}={value}" for name, value in options.items()),
    ]


def server_environment(folder: Path) -> dict[str, str]:
    """Return the environment of the server: no other configuration is found than its own."""
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin", "TMPDIR": str(folder)}


def _suffix(name: str) -> str:
    return ".grpc" if name.endswith(".grpc") else ""


def _write(path: Path, text: str | bytes) -> None:
    # Closed to others before anything is in it.
    path.touch(mode=0o600)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def _write_certificates(folder: Path) -> None:
    """Write an authority of one certificate, and forget the authority's key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def begin(name: str, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        )

    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "release-store")])
    authority_key = ec.generate_private_key(ec.SECP256R1())
    inner_key = ec.generate_private_key(ec.SECP256R1())
    authority = (
        begin("release-store", authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, SHA256())
    )
    inner = (
        begin("inner", inner_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("inner")]), critical=False)
        .sign(authority_key, SHA256())
    )

    _write(folder / "ca.pem", authority.public_bytes(Encoding.PEM))
    _write(folder / "inner.pem", inner.public_bytes(Encoding.PEM))
    private = inner_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder / "inner.key", private)
