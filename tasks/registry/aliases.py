"""Move an alias of a registered model, and look where it is."""

from tasks.errors import EvidenceError
from tasks.registry.client import open_registry
from tasks.system.installation import Installation


def find_aliased(name: str, alias: str, installation: Installation) -> str:
    """Return the version that an alias names; empty where it names none.

    Raises:
        ServiceError: The registry does not answer.
    """
    with open_registry(installation) as client:
        aliases = client.get_registered_model(name).aliases
    return str(aliases.get(alias, ""))


def move_alias(name: str, alias: str, version: str, installation: Installation) -> None:
    """Have an alias name a version, and look whether it does.

    Raises:
        EvidenceError: It names another one afterwards: somebody else moves it at the same time.
        ServiceError: The registry does not answer, or refuses.
    """
    with open_registry(installation) as client:
        client.set_registered_model_alias(name, alias, version)
    named = find_aliased(name, alias, installation)
    if named != version:
        raise EvidenceError(
            f"model registry, `{name}@{alias}`",
            expected=f"version {version}",
            found="another",
            remedy="Run the same command again, and look for who moves the alias besides.",
        )
