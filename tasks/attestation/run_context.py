"""The circumstances of a run, as the worker finds them.

Who started it, when, and with which tools. `tasks.code_identity` says which code ran.
"""

import os
import pwd
import sys
import time

from tasks.path import STAGES
from tasks.settings import Settings


def started_by(settings: Settings) -> str:
    """Return who runs this: `$PORTCULLIS_ACTOR`, else the login name.

    The variable holds a staff id, set by what authenticated them.
    """
    # Under a service all runs have one login. By that alone no second person could be told from the
    # first, so what authenticates people sets the variable.
    if actor := settings.actor.strip():
        return actor
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Accounts of containers often have a number and no name.
        return f"uid {os.getuid()}"


def tools_of(stage: str) -> dict[str, str]:
    """Return the versions, as installed, of what a stage's result hangs on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in (*STAGES[stage].tools, *STAGES[stage].optional_tools):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def timestamp() -> str:
    """Return the time in RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
