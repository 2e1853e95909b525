"""Run a privacy command as the command line does, without a process of its own."""

from importlib import import_module

from tests.flows.cli import running
from tests.tasks.erasure.small_installation import SmallInstallation


def run(small_installation: SmallInstallation, command: str, *arguments: str) -> int:
    """Return the exit code of `./portcullis <command> <arguments>`."""
    module = import_module(f"flows.cli.privacy.{command}")
    return running.run(module, small_installation.installation, *arguments)
