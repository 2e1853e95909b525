"""Move an alias of a registered model, and look where it is."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.errors import EvidenceError
from tasks.registry.artifacts import open_artifacts
from tasks.registry.client import EVIDENCE, PROMOTION_FILE, open_registry
from tasks.system.installation import Installation


def find_aliased(name: str, alias: str, installation: Installation) -> str:
    """Return the version that an alias names; empty where it names none.

    Raises:
        ServiceError: The registry does not answer.
    """
    with open_registry(installation) as client:
        aliases = client.get_registered_model(name).aliases
    return str(aliases.get(alias, ""))


def put_promotion(
    name: str, version: str, entry: int, content: bytes, installation: Installation
) -> None:
    """Put the log's archive, as it stands after a promotion, beside the version that it is of.

    Once for each decision. The registry's store verifies it on the server before the alias is
    moved.

    Raises:
        ServiceError: The registry does not answer, or refuses.
    """
    file_name = PROMOTION_FILE.format(entry=entry)
    with open_registry(installation) as client, TemporaryDirectory() as scratch:
        artifacts = open_artifacts(client, installation)
        run = client.get_run(client.get_model_version(name, version).run_id)
        # A promotion that was interrupted behind this line is repeated: in the release bucket
        # nothing is written twice.
        if artifacts.has_document(run, EVIDENCE, file_name):
            return
        path = Path(scratch) / file_name
        path.write_bytes(content)
        artifacts.write_document(run, EVIDENCE, path)


def move_alias(name: str, alias: str, version: str, installation: Installation) -> None:
    """Have an alias name a version, and look whether it does.

    Raises:
        EvidenceError: It names another one afterwards: somebody else moves it at the same time.
        ServiceError: The registry does not answer, or refuses.
    """
    with open_registry(installation) as client:
        client.set_registered_model_alias(name, alias, version)

    # Asked anew, on another connection: the answer to a change says that it was taken, and not what
    # the alias names afterwards.
    named = find_aliased(name, alias, installation)
    if named != version:
        raise EvidenceError(
            f"model registry, `{name}@{alias}`",
            expected=f"version {version}",
            found="another",
            remedy="Run the same command again, and look for who moves the alias besides.",
        )
