"""Run a privacy command as the command line does, without a process of its own."""

import argparse
from importlib import import_module

from tests.tasks.erasure.small_installation import SmallInstallation


def run(small_installation: SmallInstallation, command: str, *arguments: str) -> int:
    """Return the exit code of `./portcullis <command> <arguments>`."""
    module = import_module(f"flows.cli.privacy.{command}")
    parser = argparse.ArgumentParser(command)
    module.add_arguments(parser)
    code: int = module.main(parser.parse_args(list(arguments)), small_installation.installation)
    return code
