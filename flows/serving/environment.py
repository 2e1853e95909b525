"""Settle what every command works under, whatever the shell, the account or the machine had set.

The launcher (`portcullis`) settles what has to be so before Python starts; this is the rest.
"""

import contextlib
import gc
import getpass
import os
import stat
import sys

from tasks.isolated import GARBAGE_THRESHOLDS, defer_iri_grammar

UNLESS_SET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Server and worker are on this machine, and a person has pressed a button: a run is begun
    # within two seconds instead of ten, and one that waits for another asks again after five
    # instead of thirty.
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What makes git look at another repository than the current one (`git rev-parse --local-env-vars`):
# git sets these for every hook, and DVC's git libraries obey some of them.
OTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def settle() -> None:
    """Settle the environment of this process, and with it that of every process that it starts."""
    for name, value in UNLESS_SET.items():
        os.environ.setdefault(name, value)
    for name in OTHER_REPOSITORY:
        os.environ.pop(name, None)

    # DVC runs a stage with the person's own shell; a service account's may be `nologin`.
    os.environ["SHELL"] = "/bin/sh"

    settle_umask()

    # Our servers listen on this machine: a proxy for the rest of the world does not lead there.
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys((*hosts, *LOOPBACK)))

    # A container may run as a number that no account has; DVC wants a name.
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"

    settle_streams()


def settle_umask() -> None:
    """Let nobody else change what is written, whatever the shell lets through.

    Many containers run under umask 000. A group may share a checkout.
    """
    os.umask(os.umask(0o077) | stat.S_IWOTH)


def settle_imports() -> None:
    """Import as the stages do (`tasks/isolated.py`, which says why): less garbage, no grammar.

    For processes that import Prefect, DVC or MLflow, and live for one command; before they do.
    """
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    defer_iri_grammar()


def settle_streams() -> None:
    """Make streams safe to print to: no closed stream or odd character may end a finished command.

    A stream that the caller has closed (`>&-`) is opened on the null device. Otherwise the next
    file that is opened, a database perhaps, would take its number, and what is meant for the
    terminal would be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null_device = os.open(os.devnull, os.O_RDWR)
            if null_device != descriptor:
                os.dup2(null_device, descriptor)
            os.set_inheritable(descriptor, True)

    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))
        else:
            with contextlib.suppress(AttributeError):  # a stream that a test put there
                stream.reconfigure(errors="replace")
