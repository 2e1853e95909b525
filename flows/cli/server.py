"""`./portcullis server`: the registry's whole stack on this machine, 127.0.0.1 alone."""

import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.declaring import declare, installation_of, new_app
from flows.serving.interrupting import listen_to_signals
from flows.serving.ports import HOST, LAST_PORT, is_port_taken
from flows.stack.identity import IdentityServer
from flows.stack.own_provider import OwnProvider, read_own_provider
from flows.stack.programs import missing_programs
from flows.stack.server_process import own_folder
from flows.stack.whole import ALL_LAYERS, GROUPS, SERVICES, Stack, StackPlan, common_config
from tasks.errors import ConfigError, ServiceError
from tasks.registry_server.signing_in import ACCOUNT, CALLBACK
from tasks.registry_store.pinning import pin_installation
from tasks.system.installation import Installation

FOLDER = "server"
# PostgreSQL refuses to run as root, and its account may not enter a folder of root's.
ROOTS_DATABASES = Path("/var/lib/portcullis")
POLL_SECONDS = 0.5
# SeaweedFS alone takes more than four seconds to end in good order (ADR 104).
LEFTOVER_SECONDS = 30.0
EXAMPLES = """\
On this machine, until Ctrl-C:
  ./portcullis server
  ./portcullis server --port 5000
  ./portcullis server --port 5000 --provider login.yaml
"""
LAYER_NAMES = {
    1: "identity",
    2: "evidence",
    3: "the database's triggers",
    4: "the locked bucket",
}
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(
    context: typer.Context,
    *,
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=LAST_PORT,
            help=f"The registry's port on {HOST}; 0 takes a free one.",
        ),
    ] = 0,
    provider: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own OpenID provider (YAML: issuer, audience, client_id, algorithms, groups, "
            "services) in place of the one with demo people; it needs --port.",
        ),
    ] = None,
) -> int:
    """Serve until interrupted."""
    installation = installation_of(context)
    own = read_provider(provider, port, installation) if provider else None
    require_programs(ALL_LAYERS, has_openbao=True, has_own_provider=own is not None)
    if port and is_port_taken(port):
        raise ConfigError(
            f"port {port} of {HOST}",
            expected="a port on which nobody listens",
            found="a server that answers",
            remedy="End it, or choose another port; without `--port` a free one is taken.",
        )

    # Before anything is started: from here on a signal is an exception, and ends what `with` has
    # begun.
    listen_to_signals()
    # Two locks (ADR 104): the first says at once that a stack is running, the second waits for
    # servers of a command that was killed.
    with _lock_stack(installation) as folder, lock_servers(folder) as lock:
        plan = StackPlan(
            folder,
            port=port,
            postgres_folder=databases_of(folder),
            # The stack itself says where released runs lie.
            trust=pin_installation(installation, []),
            has_openbao=True,
            lock=lock,
            provider=own,
        )
        with Stack(plan, _say) as stack:
            # A pipe or a journal keeps what it is given; a terminal shows it to whoever started
            # this.
            text = describe(stack, plan, shows_secrets=sys.stdout.isatty())
            print(text, flush=True)
            return _attend(stack, folder)


def read_provider(path: Path, port: int, installation: Installation) -> OwnProvider:
    """Read the file of a provider of the house's own.

    Raises:
        ConfigError: It is not valid, or the port is left to chance.
    """
    if not port:
        raise ConfigError(
            "--provider",
            expected="--port, too",
            found="none",
            remedy="A provider sends browsers back to an address that it was told before: choose a "
            f"port, and register http://{HOST}:PORT{CALLBACK} there.",
        )

    stack_values = common_config(f"http://{HOST}:{port}", installation.home.absolute())
    return read_own_provider(path, installation.settings.server_client_secret, stack_values)


def require_programs(
    layers: frozenset[int], *, has_openbao: bool = False, has_own_provider: bool = False
) -> None:
    """Refuse a machine on which programs are missing, and name all of them at once.

    Raises:
        ConfigError: It says what is missing, and how it is installed.
    """
    needed = layers - {1} if has_own_provider else layers  # what layer 1 needs is the provider's
    missing = missing_programs(needed, has_openbao=has_openbao)
    if not missing:
        return

    names = ", no ".join(program.name for program in missing)
    remedies = "; ".join(dict.fromkeys(program.installation for program in missing))
    raise ConfigError(
        "this machine",
        expected="the programs of the registry's stack",
        found=f"no {names}",
        remedy=f"Install them: {remedies}.",
    )


def databases_of(folder: Path) -> Path | None:
    """Return where PostgreSQL keeps its data, if not in the stack's folder."""
    if os.getuid():
        return None
    # Others pass through it and read nothing: the folder below is its server's account's alone. It
    # is named by whose stack it is, since root may have several installations.
    ROOTS_DATABASES.mkdir(mode=0o755, parents=True, exist_ok=True)
    return ROOTS_DATABASES / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def describe(stack: Stack, plan: StackPlan, *, shows_secrets: bool) -> str:
    """Return what is said when all servers answer."""
    identity = stack.identity
    layers = ", ".join(LAYER_NAMES[number] for number in sorted(plan.layers))
    audited = "with pgaudit" if stack.postgres.is_audited else "without pgaudit (not installed)"
    lines = [
        "",
        f"The registry   {stack.origin}",
        f"Sign-out       {stack.origin}{ACCOUNT}",
        f"Sign-in        {stack.issuer}",
        f"Layers         {layers}",
        f"PostgreSQL     port {stack.postgres.port}, {audited}",
        *_about_secrets(stack),
        f"Audit log      {stack.audit_file}",
        *([f"Groups         {identity.people_file}"] if identity else []),
        "",
    ]
    if not shows_secrets:
        lines += ["Passwords are shown on a terminal alone.", ""]
        return "\n".join(lines)

    if identity is not None:
        lines += _about_people(identity)
    lines += ["A release publishes here where its worker has these, for this start:"]
    lines += [f"  export {name}={value}" for name, value in stack.release_environment().items()]
    lines += ["", "Ctrl-C ends all of it; its data stay.", ""]
    return "\n".join(lines)


def _about_people(identity: IdentityServer) -> list[str]:
    """Say who may sign in to the stack's own provider, and as what."""
    lines = ["People, with passwords of this start:"]
    for name, password in identity.passwords.items():
        roles = [GROUPS[group] for group in identity.groups_of(name) if group in GROUPS]
        lines.append(f"  {name:<13}{password:<18}{', '.join(roles) or 'no role'}")
    lines += ["", "Services, by client credentials:"]
    for name, secret in identity.service_secrets.items():
        lines.append(f"  {name:<13}{secret:<34}{SERVICES[name]}")
    return [*lines, ""]


def _about_secrets(stack: Stack) -> list[str]:
    """Say where the secrets are, and what opens them after a restart."""
    if stack.openbao is None:
        return []
    return [
        f"OpenBao        {stack.openbao.server.address}",
        f"Its key        {stack.openbao.key_file}",
    ]


def _say(text: str) -> None:
    print(f"portcullis: {text}", file=sys.stderr, flush=True)


def _attend(stack: Stack, folder: Path) -> int:
    """Wait until a server ends, which none of them should."""
    while (problem := stack.problem()) is None:
        time.sleep(POLL_SECONDS)
    raise ServiceError(
        "the registry's stack",
        expected="all of its servers to be there until the end",
        found=problem,
        remedy=f"All others were ended. Its own messages are in {folder / 'logs'}.",
    )


@contextmanager
def _lock_stack(installation: Installation) -> Iterator[Path]:
    """Hold the lock of this installation's stack, and yield its folder."""
    folder = own_folder(installation.home / FOLDER)
    with (folder / "lock").open("w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                "`./portcullis server`",
                expected="one stack of this installation",
                found="another that is running",
                remedy="Use that one, or end it first.",
            ) from error

        yield folder


@contextmanager
def lock_servers(folder: Path) -> Iterator[int]:
    """Hold the lock that every server keeps until it ends, and yield its descriptor.

    The servers of a command that was killed end by themselves, but not at once: two of a kind on
    one folder of data would do harm.

    Raises:
        ServiceError: Some of an earlier start are still there.
    """
    until = time.monotonic() + LEFTOVER_SECONDS
    with (folder / "servers.lock").open("w", encoding="utf-8") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise ServiceError(
                        "the registry's stack",
                        expected="no server of an earlier start",
                        found=f"one that has not ended in {LEFTOVER_SECONDS:g} s",
                        remedy=f"`fuser {folder / 'servers.lock'}` says which; end it.",
                    ) from error
                time.sleep(POLL_SECONDS)

        yield stream.fileno()
