"""Installations for tests, from the environment as the test has set it by now."""

import os
from pathlib import Path

from tasks.settings import Settings
from tasks.system.installation import Installation


def installation_at(workspace: Path) -> Installation:
    """Open the installation whose checkout is `workspace`."""
    return Installation.open(workspace, os.environ)


def installation_with_home(home: Path) -> Installation:
    """Return an installation that keeps everything in `home`, whatever `$PORTCULLIS_HOME` says."""
    home.mkdir(parents=True, exist_ok=True)
    return Installation(home, home, settings_now())


def settings_now() -> Settings:
    """Read the environment."""
    return Settings.from_environment(os.environ)
