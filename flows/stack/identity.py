"""The OpenID provider of the stack: the certified npm package `oidc-provider`, with demo people.

Their passwords are made at each start and go to the provider by its standard input: they are in no
file, on no command line and in no environment. Who belongs to which group stands in a file, which
the provider reads anew at each question: taking somebody out takes effect within a minute.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flows.serving.ports import HOST, find_free_port
from flows.stack.server_process import (
    ServerProcess,
    StackServer,
    is_answering,
    own_folder,
    plain_environment,
)
from tasks.errors import ConfigError, ServiceError
from tasks.formats.regular_file import describe_unreadable
from tasks.formats.whole_file import write_whole

SOURCE = Path(__file__).parent / "provider"
FILES = ("package.json", "package-lock.json", "server.mjs", "pages.mjs")
STAMP = "installed.sha256"
SESSION_SECONDS = 8 * 3600
# Forty small packages: seconds, and by a slow proxy minutes. npm itself (11.19, `fetch-timeout` and
# `fetch-retries`) waits five minutes for a registry that is silent, three times over.
INSTALL_SECONDS = 900.0
# RFC 8707: the registry, as a client names it when it asks for a token.
RESOURCE = "urn:portcullis:registry"
PROGRAMS_CLIENT = "registry-programs"

DEMO_PEOPLE = {"dana": ["risk-modelling"], "audrey": ["model-audit"], "adam": ["platform"]}


@dataclass(frozen=True)
class Client:
    """The registry's pages, as a client of the provider."""

    client_id: str
    secret: str
    origin: str


class IdentityServer(StackServer):
    """The provider, its people and its services.

    Attributes:
        issuer: Its address, as its tokens name it.
        passwords: Of the people, made for this start.
        service_secrets: Of the services, made for this start.
        people_file: Who belongs to which groups.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        pages: Client,
        audience: str,
        services: tuple[str, ...],
        port: int = 0,
        token_seconds: int = 60,
    ) -> None:
        self.issuer = f"http://{HOST}:{port or find_free_port()}"

        self._folder = own_folder(folder)
        self.people_file = folder / "people.json"
        if not self.people_file.exists():
            self.write_people(DEMO_PEOPLE)
        names = self._read_people()

        # Of this start alone: no password outlives the stack, and none lies in a file.
        self.passwords = {name: secrets.token_urlsafe(12) for name in names}
        self.service_secrets = {name: secrets.token_urlsafe(24) for name in services}

        settings = {
            "issuer": self.issuer,
            "audience": audience,
            "resource": RESOURCE,
            "token_seconds": token_seconds,
            "session_seconds": SESSION_SECONDS,
            "people_file": str(self.people_file),
            "passwords": self.passwords,
            "services": self.service_secrets,
            "programs_client_id": PROGRAMS_CLIENT,
            "pages": {
                "client_id": pages.client_id,
                "client_secret": pages.secret,
                "origin": pages.origin,
            },
        }

        # By standard input, which nobody else can read, as a command line can.
        self._process = ServerProcess(
            name="the OpenID provider",
            command=["node", str(self._installed / "server.mjs")],
            log=log,
            environment=plain_environment(self._folder, NODE_ENV="production"),
            folder=self._folder,
            first_line=json.dumps(settings).encode(),
        )

    @property
    def _installed(self) -> Path:
        return self._folder / "program"

    def groups_of(self, name: str) -> list[str]:
        """Return the groups that a person belongs to now."""
        return self._read_people().get(name, [])

    def _read_people(self) -> dict[str, list[str]]:
        """Read who belongs to which groups, as an administrator has written it.

        Raises:
            ConfigError: It is written in another form.
        """
        found = "something else"
        try:
            people = json.loads(self.people_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            people = None
            found = describe_unreadable(error)

        if isinstance(people, dict) and all(isinstance(groups, list) for groups in people.values()):
            return people
        raise ConfigError(
            str(self.people_file),
            expected="an object of people, each with a list of groups",
            found=found,
            remedy="Mend it, or remove it: the stack then begins with its demo people.",
        )

    def write_people(self, people: dict[str, list[str]]) -> None:
        """Say who belongs to which groups, at once and whole: the provider may be reading."""
        write_whole(self.people_file, f"{json.dumps(people, indent=2)}\n".encode())

    def start(self) -> None:
        """Install the package from its lock unless that is done, and start the provider."""
        install_provider(self._installed)
        self._process.start()

    def _answers(self) -> bool:
        return is_answering(f"{self.issuer}/.well-known/openid-configuration")


def install_provider(folder: Path) -> None:
    """Lay the provider's program into a folder, with what its lock names, each by its digest.

    Raises:
        ServiceError: npm could not install it.
    """
    contents = b"".join((SOURCE / name).read_bytes() for name in FILES)
    digest = hashlib.sha256(contents).hexdigest()
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return

    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    own_folder(draft)
    for name in FILES:
        shutil.copyfile(SOURCE / name, draft / name)
    # As the person has set npm up: which registry, which proxy, whose certificates.
    try:
        installed = subprocess.run(
            # By the lock alone, each package by its digest; `--ignore-scripts`, for a package's own
            # scripts would run as whoever starts the stack.
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"],
            cwd=draft,
            env={**os.environ, "npm_config_update_notifier": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _uninstalled(f"no end within {INSTALL_SECONDS:.0f} s") from error

    if installed.returncode:
        raise _uninstalled(f"exit {installed.returncode}")
    # The stamp goes in last, and the folder gets its name after it: a folder of that name is whole.
    (draft / STAMP).write_text(digest, encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _uninstalled(found: str) -> ServiceError:
    return ServiceError(
        "npm ci",
        expected="the OpenID provider's packages",
        found=found,
        remedy="Look at `npm config get registry` and at `npm ping`. Where npm cannot install, "
        "serve the registry with your own provider: docs/registry-server.md.",
    )
