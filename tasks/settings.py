"""Every environment variable that Portcullis's own code reads, in one table.

Where a process starts (`flows/__main__.py`, `tasks/__main__.py`, `tasks/stages/process.py`, a
flow), the environment is read once, by `Settings.from_environment`, and handed on; nothing below
looks again. `docs/settings.md` shows the table to people, and a test compares the two.

Variables that only other programs read (AWS_…, GIT_…, PIP_…) are not listed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from tasks.errors import ConfigError

PREFIX = "PORTCULLIS_"
DOCUMENT = "docs/settings.md"


class Reader(StrEnum):
    """A process that reads a variable."""

    LAUNCHER = "launcher"  # the file `portcullis`, before this checkout's Python starts
    COMMAND = "command"  # `./portcullis <command>`, the flows, and Prefect where it deploys them
    WORKER = "worker"  # `python -m tasks`: signs for a stage, and starts its process
    STAGE = "stage"  # the process of a stage's own code
    SERVER = "server"  # the registry's server, `mlflow server --app-name portcullis`
    TESTS = "tests"


class Owner(StrEnum):
    """Who sets a variable."""

    PERSON = "a person"
    PORTCULLIS = "Portcullis itself"  # one process for the next; nobody sets it by hand
    DRILLS = "drills and tests"
    TOOL = "another tool"


# Short names for the table below.
LAUNCHER = Reader.LAUNCHER
COMMAND = Reader.COMMAND
WORKER = Reader.WORKER
STAGE = Reader.STAGE
SERVER = Reader.SERVER


@dataclass(frozen=True)
class Variable:
    """One variable, or, with `suffixes`, one family of variables.

    Attributes:
        name: Its name; of a family, what all its names begin with.
        field: The field of `Settings` that holds it; empty where no Python of ours reads it.
        purpose: What it is for.
        unset: What holds where it is not set.
        readers: The processes that read it. A variable that `STAGE` does not read is withheld from
            the stage's process.
        default: The value that stands in for it.
        is_secret: Whether its value is, or may hold, a password: it is never shown.
        owner: Who sets it.
        suffixes: What may follow `name`.
    """

    name: str
    field: str
    purpose: str
    unset: str
    readers: tuple[Reader, ...]
    default: str = ""
    is_secret: bool = False
    owner: Owner = Owner.PERSON
    suffixes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a process may find."""
        return tuple(self.name + suffix for suffix in self.suffixes) or (self.name,)


VARIABLES = (
    Variable(
        "PORTCULLIS_HOME",
        "home",
        "the folder of keys, ledger and databases, an absolute path; "
        "the launcher takes a relative one",
        "`.portcullis/` in the checkout",
        (LAUNCHER, COMMAND, WORKER, STAGE),
    ),
    Variable(
        "PORTCULLIS_ACTOR",
        "actor",
        "who started this, a staff id; as true as what sets it",
        "the login name",
        (COMMAND, WORKER, STAGE),
    ),
    Variable(
        "PORTCULLIS_SECRET_",
        "secrets",
        "a 32-byte secret in hex, instead of its key file",
        "a key file in `PORTCULLIS_HOME`, made on first use",
        (COMMAND, WORKER, STAGE),
        is_secret=True,
        suffixes=(
            "PSEUDONYM",
            "PEPPER",
            "SEAL",
            "TOMBSTONE",
            "ROOT",
            "CUSTODIAN_FIRST",
            "CUSTODIAN_SECOND",
        ),
    ),
    Variable(
        "PORTCULLIS_KEYS_URL",
        "keys_url",
        "the PostgreSQL database that holds the key store",
        "`keys.db` in `PORTCULLIS_HOME`",
        (COMMAND, STAGE),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_TRANSIT_KEY",
        "transit_key",
        "the Transit key that wraps the key store; with `VAULT_ADDR`",
        "`root.key` in `PORTCULLIS_HOME`",
        (COMMAND, STAGE),
    ),
    Variable(
        "VAULT_ADDR",
        "vault_address",
        "the Vault or OpenBao server that holds the root key",
        "none",
        (COMMAND, STAGE),
    ),
    Variable(
        "VAULT_TOKEN",
        "vault_token",
        "the token for the root key",
        "empty",
        (COMMAND, STAGE),
        is_secret=True,
    ),
    Variable(
        "VAULT_CACERT",
        "vault_ca_file",
        "the authority that signed the certificate of Vault or OpenBao, a PEM file",
        "the machine's own authorities",
        (COMMAND, WORKER, STAGE),
    ),
    Variable(
        "VAULT_NAMESPACE",
        "vault_namespace",
        "the namespace of Vault or OpenBao in which the keys lie",
        "the outermost",
        (COMMAND, WORKER, STAGE),
    ),
    Variable(
        "PORTCULLIS_DASK_CA",
        "dask_ca_file",
        "the authority of a Dask cluster under TLS (`engine:`), a PEM file; of that cluster alone: "
        "whom it certifies can see what workers hold",
        "no cluster under TLS",
        (STAGE,),
    ),
    Variable(
        "PORTCULLIS_DASK_CERT",
        "dask_certificate_file",
        "the certificate with which a stage connects to the cluster, a PEM file",
        "no cluster under TLS",
        (STAGE,),
    ),
    Variable(
        "PORTCULLIS_DASK_KEY",
        "dask_key_file",
        "its key, a PEM file",
        "no cluster under TLS",
        (STAGE,),
    ),
    Variable(
        "PORTCULLIS_SECRETS",
        "secrets_file",
        "where secrets come from, a YAML file of references that holds none itself",
        "each variable holds its own secret",
        (COMMAND, WORKER, SERVER),
    ),
    Variable(
        "PORTCULLIS_SIGNING_HOME",
        "signing_home",
        "the folder of the roles' signing keys",
        "`signing/` in `PORTCULLIS_HOME`",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_SIGNING_VAULT_ADDR",
        "signing_address",
        "the Vault or OpenBao server whose Transit signs, instead of key files",
        "key files",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_SIGNING_TOKEN",
        "signing_token",
        "the token for signing",
        "empty",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_SIGNING_PREFIX",
        "signing_prefix",
        "what the names of the roles' Transit keys begin with",
        "`portcullis-`",
        (COMMAND, WORKER),
        default="portcullis-",
    ),
    Variable(
        "PORTCULLIS_APPROVER_KEY",
        "approver_key_path",
        "your own key file, for `./portcullis approve` and `in-force sign`",
        "`--key` has to name it",
        (COMMAND,),
    ),
    Variable(
        "PORTCULLIS_LEDGER_URL",
        "ledger_url",
        "the PostgreSQL database that holds the ledger, as its writer",
        "`ledger.db` in `PORTCULLIS_HOME`",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_TRUST_ROOT",
        "trusted_root_key",
        "the id of the ledger's root key that is trusted",
        "that of the log which this installation has pinned",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_LEDGER_MIRROR",
        "mirror_url",
        "the ledger's mirror, `s3://bucket/prefix`",
        "no mirror",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_LEDGER_MIRROR_DAYS",
        "mirror_days",
        "for how many days the mirror's objects are locked",
        "a mirror without it is refused",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_LEDGER_MIRROR_ENDPOINT",
        "mirror_endpoint",
        "the S3 endpoint of the mirror",
        "that of AWS",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_WITNESS_URL",
        "witness_url",
        "the witness that cosigns checkpoints",
        "no witness",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_WITNESS_KEY",
        "witness_key",
        "its public key, `<name>+<hash>+<base64>`",
        "a witness without it is refused",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_TSA_URL",
        "tsa_url",
        "the time-stamping authority (RFC 3161)",
        "no time stamps",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_TSA_ROOT",
        "tsa_root_path",
        "its root certificate, a PEM file",
        "an authority without it is refused",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_SYSLOG",
        "syslog_address",
        "where the audit log is sent, `udp://host:514`, `tcp://host:514` or `tls://host:6514`",
        "it is not sent",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_SYSLOG_CA",
        "syslog_ca_path",
        "the certificates that sign the syslog server's, a PEM file; for `tls://`",
        "those of the system",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_SYSLOG_CERTIFICATE",
        "syslog_certificate_path",
        "our own certificate and key, a PEM file; for `tls://`",
        "we show none",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_AUDIT_FILES",
        "audit_files",
        "more files of OCSF events to send and to watch, as in PATH: "
        "the registry server's `audit_file`, the database's",
        "this installation's own alone",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_ALERT_WEBHOOK",
        "alert_webhook",
        "where alerts are posted, signed by the key below",
        "they are in the audit log and in Prefect alone",
        (COMMAND,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_ALERT_KEY",
        "alert_key",
        "the key that signs what is posted, `whsec_` and at least 24 bytes in base64",
        "a webhook without it is refused",
        (COMMAND,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_HEC_URL",
        "hec_url",
        "Splunk's event collector, for the audit log",
        "it is not sent",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_HEC_TOKEN",
        "hec_token",
        "the event collector's token",
        "empty",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "OPA_URL",
        "opa_url",
        "an OPA server that evaluates the policy, besides the engine inside the process",
        "the engine inside the process alone",
        (COMMAND, WORKER),
    ),
    Variable(
        "MLFLOW_TRACKING_URI",
        "tracking_uri",
        "the model registry",
        "`mlflow.db` in `PORTCULLIS_HOME`",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_SERVER_CONFIG",
        "server_config",
        "the configuration of the registry's server, a YAML file",
        "the server does not start",
        (SERVER,),
    ),
    Variable(
        "PORTCULLIS_SERVER_CLIENT_SECRET",
        "server_client_secret",
        "the registry server's own password at the identity provider",
        "nobody signs in by a browser",
        (SERVER,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_SERVER_SESSION_KEY",
        "server_session_key",
        "32 bytes in hex that encrypt the cookies of its sessions",
        "the server does not start",
        (SERVER,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_STORE_CONFIG",
        "store_config",
        "what the registry's store trusts, a YAML file",
        "a server with that store does not start",
        (SERVER,),
    ),
    Variable(
        "PORTCULLIS_REGISTRY_ISSUER",
        "registry_issuer",
        "the identity provider of a registry's server, at which a release signs in",
        "a release does not sign in",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_REGISTRY_CLIENT",
        "registry_client",
        "the service account there by which a release publishes",
        "a release does not sign in",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_REGISTRY_CLIENT_SECRET",
        "registry_client_secret",
        "the password of that account",
        "a release does not sign in",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_REGISTRY_EVIDENCE_URL",
        "registry_evidence_url",
        "the PostgreSQL database beneath the registry, as the gatekeeper, who inserts evidence",
        "no evidence is inserted, as that database is none of ours",
        (COMMAND, WORKER),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_REGISTRY_OWNER_URL",
        "registry_owner_url",
        "the same database as somebody who may make roles there, for `registry-database`",
        "the command refuses",
        (COMMAND,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_RELEASE_BUCKET",
        "release_bucket_url",
        "the bucket that released models are written to once, `s3://bucket/prefix`",
        "the registry's own artifact store",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_RELEASE_BUCKET_DAYS",
        "release_bucket_days",
        "for how many days a released model is locked there",
        "a bucket without it is refused",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_RELEASE_BUCKET_ENDPOINT",
        "release_bucket_endpoint",
        "the S3 endpoint of the release bucket",
        "that of AWS",
        (COMMAND, WORKER),
    ),
    Variable(
        "MLFLOW_S3_ENDPOINT_URL",
        "mlflow_s3_endpoint",
        "the S3 endpoint of MLflow's artifacts; MLflow reads it too",
        "that of AWS",
        (COMMAND, WORKER),
    ),
    Variable(
        "PORTCULLIS_MLFLOW_DATABASE_URL",
        "mlflow_database_url",
        "the database behind a tracking server, for erasure: the server cannot erase a parameter",
        "the erasure says that it was not searched",
        (COMMAND,),
        is_secret=True,
    ),
    Variable(
        "PORTCULLIS_SCRATCH",
        "scratch_folders",
        "folders of your own jobs, as in PATH: an erasure removes files there that hold the person",
        "none",
        (COMMAND,),
    ),
    Variable(
        "PREFECT_API_URL",
        "prefect_api_url",
        "Prefect's API",
        "the active profile's, else a release brings its own",
        (COMMAND,),
        is_secret=True,
        owner=Owner.TOOL,
    ),
    Variable(
        "PREFECT_HOME",
        "prefect_home",
        "the folder of Prefect's database and profiles",
        "`prefect/` in `PORTCULLIS_HOME` by the launcher, else `~/.prefect`",
        (LAUNCHER, COMMAND),
        owner=Owner.TOOL,
    ),
    Variable(
        "PREFECT_PROFILE",
        "prefect_profile",
        "the profile that names Prefect's API",
        "the active one",
        (COMMAND,),
        owner=Owner.TOOL,
    ),
    Variable(
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        "prefect_database_url",
        "Prefect's database, for erasure",
        "`PREFECT_API_DATABASE_CONNECTION_URL`",
        (COMMAND,),
        is_secret=True,
        owner=Owner.TOOL,
    ),
    Variable(
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "prefect_old_database_url",
        "its older name",
        "`prefect.db` in `PREFECT_HOME`",
        (COMMAND,),
        is_secret=True,
        owner=Owner.TOOL,
    ),
    Variable(
        "PREFECT_SERVER_ENCRYPTION_KEY",
        "prefect_encryption_key",
        "the key of Prefect's blocks, for erasure",
        "the one in Prefect's database",
        (COMMAND,),
        is_secret=True,
        owner=Owner.TOOL,
    ),
    Variable(
        "DVC_EXP_BASELINE_REV",
        "dvc_experiment",
        "set by `dvc exp run`, in which `register` refuses",
        "no experiment",
        (WORKER,),
        owner=Owner.TOOL,
    ),
    Variable(
        "PORTCULLIS_ROOT",
        "",
        "the checkout of a worker, absolute; prefect.yaml asks for it, `./portcullis ui` sets it",
        "every run of a deployment crashes",
        (COMMAND,),
    ),
    Variable(
        "PORTCULLIS_CALLER_FOLDER",
        "caller_folder",
        "the folder in which `./portcullis` was started, for relative paths on the command line",
        "the current folder",
        (COMMAND,),
        owner=Owner.PORTCULLIS,
    ),
    Variable(
        "PORTCULLIS_CHANNEL",
        "",
        "the socket on which a runner listens to its stage",
        "the stage speaks to standard error",
        (WORKER, STAGE),
        owner=Owner.PORTCULLIS,
    ),
    Variable(
        "PORTCULLIS_REPORT_FD",
        "",
        "the pipe on which a stage reports two counts to its worker",
        "the stage reports none",
        (STAGE,),
        owner=Owner.PORTCULLIS,
    ),
    Variable(
        "PORTCULLIS_WORKER_PID",
        "",
        "the worker with which a stage's process dies",
        "whoever started it",
        (STAGE,),
        owner=Owner.PORTCULLIS,
    ),
    Variable(
        "PORTCULLIS_WORKER",
        "worker_socket",
        "the socket of the worker's service, which runs releases of commits for others",
        "releases run here, and their evidence is `local`",
        (COMMAND,),
    ),
    Variable(
        "PORTCULLIS_MANDATE",
        "mandate_path",
        "the file by which the service tells its worker who asked for a release, and of what",
        "the worker is local",
        (COMMAND, WORKER),
        owner=Owner.PORTCULLIS,
    ),
    Variable(
        "PORTCULLIS_DEBUG",
        "",
        "`1` shows the text of an unexpected error, which may quote a person's data: "
        "for invented data only",
        "type and place alone",
        (STAGE,),
        owner=Owner.DRILLS,
    ),
    Variable(
        "PORTCULLIS_TODAY",
        "today",
        "an ISO date that stands in for today's: agreements, terms and holds are judged by it. "
        "Signed times and a policy's clock are the real ones. What ran under it says so, "
        "and clears nothing",
        "today in UTC",
        (COMMAND, WORKER, STAGE),
        owner=Owner.DRILLS,
    ),
    Variable(
        "PORTCULLIS_SCREENSHOTS",
        "",
        "the folder in which the suite leaves pictures of Prefect's pages",
        "none are made",
        (Reader.TESTS,),
        owner=Owner.DRILLS,
    ),
)

# Of MLflow's and Prefect's own variables some hold credentials, and which is for them to say.
WITHHELD_PREFIXES = ("MLFLOW_", "PREFECT_")


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """What the environment says, by field; an unset variable is empty, or its default in the table.

    Values are as they were set: whoever needs a date or a number reads it as one and refuses.
    """

    home: str
    actor: str
    secrets: Mapping[str, str]  # by the whole name of the variable
    keys_url: str
    transit_key: str
    vault_address: str
    vault_token: str
    vault_ca_file: str
    vault_namespace: str
    dask_ca_file: str
    dask_certificate_file: str
    dask_key_file: str
    secrets_file: str
    signing_home: str
    signing_address: str
    signing_token: str
    signing_prefix: str
    approver_key_path: str
    ledger_url: str
    trusted_root_key: str
    mirror_url: str
    mirror_days: str
    mirror_endpoint: str
    witness_url: str
    witness_key: str
    tsa_url: str
    tsa_root_path: str
    syslog_address: str
    syslog_ca_path: str
    syslog_certificate_path: str
    audit_files: str
    alert_webhook: str
    alert_key: str
    hec_url: str
    hec_token: str
    opa_url: str
    tracking_uri: str
    server_config: str
    store_config: str
    server_client_secret: str
    server_session_key: str
    registry_issuer: str
    registry_client: str
    registry_client_secret: str
    registry_evidence_url: str
    registry_owner_url: str
    release_bucket_url: str
    release_bucket_days: str
    release_bucket_endpoint: str
    mlflow_s3_endpoint: str
    mlflow_database_url: str
    scratch_folders: str
    prefect_api_url: str
    prefect_home: str
    prefect_profile: str
    prefect_database_url: str
    prefect_old_database_url: str
    prefect_encryption_key: str
    dvc_experiment: str
    caller_folder: str
    mandate_path: str
    worker_socket: str
    today: str
    others: Mapping[str, str]  # not ours; a source of a use case names the one that holds its URL

    @property
    def s3_keys(self) -> tuple[str, str] | None:
        """The keys of S3 that were declared by reference; botocore finds others by itself."""
        return None

    def stage_secrets(self) -> dict[str, str]:
        """Return what a stage's own code reads that is not in its worker's environment."""
        return {}

    def from_caller(self, path: str | Path) -> Path:
        """Return a path that a person gave: a relative one begins where they stand."""
        return Path(self.caller_folder) / path

    def source_url(self, variable: str) -> str:
        """Return the URL that a source of a use case keeps in the variable of its choice.

        Raises:
            ConfigError: The variable is not set.
        """
        if url := self.others.get(variable):
            return url

        raise ConfigError(
            f"${variable}",
            expected="a database URL",
            found="nothing",
            remedy="Set the variable for the worker, never in the file.",
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment.

        Raises:
            ConfigError: It holds a `PORTCULLIS_…` variable that is not in the table. A misspelt one
                would otherwise be ignored, and a database or a key used that nobody meant.
        """
        check_names(environ)
        values: dict[str, str] = {}
        for variable in VARIABLES:
            if variable.field and not variable.suffixes:
                values[variable.field] = environ.get(variable.name, variable.default)

        (family,) = (variable for variable in VARIABLES if variable.suffixes)
        secrets = {name: environ[name] for name in family.names if name in environ}
        others = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
        return cls(**values, secrets=secrets, others=others)

    def __repr__(self) -> str:
        """Show what is set, and of a secret only that it is."""
        secret_fields = {variable.field for variable in VARIABLES if variable.is_secret}
        values = [
            f"{item.name}={'…' if item.name in secret_fields else repr(getattr(self, item.name))}"
            for item in fields(self)
            if item.name != "others" and getattr(self, item.name)
        ]
        return f"Settings({', '.join(values)})"


def check_names(names: Iterable[str]) -> None:
    """Refuse the first unknown name of ours.

    Raises:
        ConfigError: It says which, and the nearest known name.
    """
    listed = known_names()
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in listed)
    if not unknown:
        return

    import difflib  # only here: most processes never need it

    nearest = difflib.get_close_matches(unknown[0], sorted(listed), n=1, cutoff=0)[0]
    more = f" ({len(unknown) - 1} more)" if len(unknown) > 1 else ""
    raise ConfigError(
        f"${unknown[0]}",
        expected=f"a variable that {DOCUMENT} lists",
        found=f"one that nothing reads{more}",
        remedy=f"Unset it, or did you mean {nearest}?",
    )


def known_names() -> frozenset[str]:
    """Return every name that the table allows."""
    return frozenset(name for variable in VARIABLES for name in variable.names)


def environment_of_stage(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's environment without what a stage's own code does not read.

    Signing credentials, the registry's, Prefect's, and where the ledger lies are withheld that way.
    """
    withheld = {
        name
        for variable in VARIABLES
        if Reader.STAGE not in variable.readers
        for name in variable.names
    }
    return {
        name: value
        for name, value in environ.items()
        if name not in withheld and not name.startswith(WITHHELD_PREFIXES)
    }
