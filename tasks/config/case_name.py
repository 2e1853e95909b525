"""What a use case may be called.

The name becomes a folder, a DVC stage, a word of a shell command, a Prefect deployment and a row of
the ledger. One rule therefore holds at every door: the folders of `configs/`, its index, `extends`,
commands, Prefect's parameters and the stages' own processes.

Standard library only: the worker of every stage imports it.
"""

import re

from tasks.errors import ConfigError

CASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

# Folders of `configs/` that are for all use cases.
SHARED_FOLDERS = frozenset({"policy", "recognisers", "records", "siem"})
# Words that YAML 1.1 or 1.2 reads as something other than text: the index would not hold the name.
YAML_WORDS = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
# Names that Windows gives to devices in every folder: such a checkout cannot be made there.
DEVICES = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
RESERVED = SHARED_FOLDERS | YAML_WORDS | DEVICES


def is_case_name(name: object) -> bool:
    """Say whether a use case may be called so."""
    return isinstance(name, str) and bool(CASE_NAME.fullmatch(name)) and name not in RESERVED


def check_case_name(name: object, where: str) -> str:
    """Return `name` if a use case may be called so.

    The message never quotes the name: somebody may have typed a person's identifier in its place.

    Args:
        name: What somebody wrote or typed.
        where: The door that it came through, for the message.

    Raises:
        ConfigError: It is no text, of another form, or reserved.
    """
    if isinstance(name, str) and is_case_name(name):
        return name

    raise ConfigError(
        where,
        expected="a use case's name: at most 40 lower-case letters, digits and underscores, "
        "a letter first",
        found=_fault_of(name),
        remedy="It becomes a folder, a DVC stage and a deployment: check the spelling, or choose "
        "another name.",
    )


def _fault_of(name: object) -> str:
    """Return what is wrong with a name, in words that hold at most one character of it."""
    if not isinstance(name, str):
        return f"a value of type {type(name).__name__}"
    if not name:
        return "an empty one"
    if name in RESERVED:
        return "a word that is reserved"

    # The first strange character alone, and as ASCII: enough to see a capital or a blank, too
    # little to be anybody's name.
    stranger = re.search(r"[^a-z0-9_]", name)
    if stranger:
        return f"a name with {stranger[0]!a} in it"
    return "one that begins with no letter" if not name[0].isalpha() else f"{len(name)} characters"
