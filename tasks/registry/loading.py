"""Fetch a registered version into a private folder, and load it from there without foreign code.

Two steps, so that the caller asks for its clearance in between: `fetch_model` says which bytes they
are, `load_fetched` makes a model of them. A packed model of ours is texts and the small package
that it was judged with. Nothing else is let in: no pickle, joblib or cloudpickle, no skops (whose
list of trusted types would come with the file), and no file that `pack` would not have written.
"""

import importlib.util
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ConfigError, EvidenceError
from tasks.formats.digests import sha256_of
from tasks.formats.shown import kind_of_error
from tasks.formats.strict_json import parse_json
from tasks.model.loading import SHIPPED_AS, Predictor, code_files, code_sha256, shipped_name
from tasks.registry.artifacts import ArtifactStore, open_artifacts
from tasks.registry.client import CASE_TAG, TRAINING, open_registry, place_of
from tasks.registry.packing import BYTECODE, CODE, DATA, NO_BYTECODE
from tasks.registry.stored import LOADED_AS
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI = re.compile(
    r"models:/(?P<name>[A-Za-z0-9_][A-Za-z0-9_ .-]{0,199})"
    r"(?:@(?P<alias>[A-Za-z0-9_][A-Za-z0-9_ .-]{0,199})|/(?P<version>[1-9][0-9]{0,9}))",
    re.ASCII,
)
STEERING_FILES = frozenset(
    {
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
        LOADED_AS,
    }
)
MODEL_SUFFIXES = frozenset({".json", ".txt", ".ubj"})  # formats that hold no code
CONTRACT = "contract.json"


@dataclass(frozen=True)
class FetchedModel:
    """A registered version as it lies in a private folder, by what its bytes are.

    `case` is the word of a tag of the registry, which proves nothing: the ledger says whether a
    model of these bytes is of that use case. `alias` is what it was asked for by; empty for a
    number. `report` is that of its training, as it was published; None where none was.
    """

    name: str
    version: str
    case: str
    data: Path
    model_sha256: str
    alias: str = ""
    report: Path | None = None


def fetch_model(uri: str, folder: Path, installation: Installation) -> FetchedModel:
    """Download the version that `models:/name@alias` or `models:/name/7` names, and digest it.

    Args:
        uri: Which.
        folder: An empty one that nobody else may write to: what is digested here is loaded later.
        installation: Whose registry.

    Raises:
        ConfigError: The URI has another form; a stage is none, for anybody with EDIT moves one.
        EvidenceError: There is no such version, or it is no packed model of ours.
        ServiceError: The registry does not answer.
    """
    match = URI.fullmatch(uri)
    if match is None:
        raise ConfigError(
            "model",
            expected="models:/NAME@ALIAS or models:/NAME/VERSION",
            found="another form",
            remedy="Name a registered model, by an alias or a version's number.",
        )
    from mlflow.exceptions import MlflowException

    name = match["name"]
    with open_registry(installation) as client:
        try:
            version = (
                client.get_model_version_by_alias(name, match["alias"])
                if match["alias"]
                else client.get_model_version(name, match["version"])
            )
            case = client.get_registered_model(name).tags.get(CASE_TAG, "")
        except MlflowException as error:
            raise EvidenceError(
                "model registry",
                expected="the version that was asked for",
                found=kind_of_error(error),
                remedy="Look into the registry which versions and aliases there are.",
            ) from error
        # Before anything is downloaded: a version that is loaded from elsewhere than it says is
        # refused by its words.
        source = place_of(client, name, str(version.version), version.source)
        artifacts = open_artifacts(client, installation)
        stored = artifacts.fetch(source, folder)
        report = _fetch_report(client, version.run_id, artifacts, folder / "training")

    data = model_data_in(stored)
    alias = match["alias"] or ""
    return FetchedModel(name, str(version.version), case, data, sha256_of(data), alias, report)


def load_fetched(fetched: FetchedModel) -> Predictor:
    """Load what was fetched, after its bytes were found cleared.

    The contract lies among those bytes and names the digest of the code that the model was judged
    with. That code is this checkout's, or the one that came along, once it has that digest.

    Raises:
        EvidenceError: The code that came along is other code.
        BrokenModelError: The folder holds no whole model.
    """
    package = require_judged_code(fetched)
    # The same digest is the same code: this checkout's is used, and nothing that was downloaded is
    # run.
    if package.name == shipped_name(code_sha256()):
        from tasks.model import DecisionModel

        return Predictor(DecisionModel.load(fetched.data))
    return _loaded_by(package, fetched.data)


def require_judged_code(fetched: FetchedModel) -> Path:
    """Return the package that came along, if it is the one that the model was judged with.

    Raises:
        EvidenceError: It is other code, or none.
    """
    wanted = _judged_code(fetched.data)
    package = fetched.data.parents[1] / CODE / shipped_name(wanted)
    if not package.is_dir() or code_sha256(package) != wanted:
        raise _refused("the code that the model was judged with", "other code, or none")
    return package


def _fetch_report(
    client: "MlflowClient", run_id: str, artifacts: ArtifactStore, folder: Path
) -> Path | None:
    """Return the report of training that was published with a version; None where none was.

    It proves nothing: whoever reads it compares its digest.
    """
    from mlflow.exceptions import MlflowException

    folder.mkdir(mode=0o700)
    try:
        run = client.get_run(run_id)
        path = artifacts.fetch(f"{run.info.artifact_uri}/{TRAINING}", folder) / "report.json"
    except (MlflowException, EvidenceError, ConfigError):
        return None
    return path if path.is_file() and not path.is_symlink() else None


def model_data_in(stored: Path) -> Path:
    """Return the folder of the model itself, if all that lies there is what `pack` writes.

    Nothing is read but names: no pickle, no archive and no other format that may hold code.

    Raises:
        EvidenceError: Something else lies there.
    """
    names = []
    for path in stored.rglob("*"):
        # `is_file` follows a link, so that the link is asked about first.
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _refused("regular files", "a link, or another kind")
        if path.is_file():
            names.append(path.relative_to(stored).parts)

    folders = {parts[1] for parts in names if parts[0] == DATA and len(parts) == 3}
    packages = {parts[1] for parts in names if parts[0] == CODE and len(parts) == 3}
    # Two models in one folder: one would be digested, and the other loaded.
    if len(folders) != 1 or len(packages) != 1 or not min(packages).startswith(SHIPPED_AS):
        raise _refused("one model and its code", "something else")
    if not all(_is_declared(stored, parts) for parts in names):
        raise _refused("the files of a packed model alone", "a file of another kind")
    return stored / DATA / min(folders)


def _is_declared(stored: Path, parts: tuple[str, ...]) -> bool:
    match parts:
        case (name,):
            return name in STEERING_FILES
        case (top, _, name) if top == DATA:
            return Path(name).suffix in MODEL_SUFFIXES
        case (top, _, name) if top == CODE and name == BYTECODE:
            # Where Python would make a folder of bytecode, which it runs instead of the sources.
            return stored.joinpath(*parts).read_bytes() == NO_BYTECODE.encode()
        case (top, _, name) if top == CODE:
            return name in {path.name for path in code_files(stored.joinpath(*parts).parent)}

    return False


def _judged_code(data: Path) -> str:
    try:
        contract = parse_json((data / CONTRACT).read_bytes())
        digest = contract["code_sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused("a contract that names the model's code", "none") from error
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise _refused("a contract that names the model's code", "none")
    return digest


def _loaded_by(package: Path, data: Path) -> Predictor:
    """Load a model by the code of another day, which the digest in its contract names."""
    name = package.name
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, package / "__init__.py", submodule_search_locations=[str(package)]
        )
        if spec is None or spec.loader is None:
            raise _refused("a package", "none")
        module = importlib.util.module_from_spec(spec)
        # Before it is run, as importlib's own recipe has it: its modules import each other by this
        # name. The name holds the digest, so that other code never stands under it.
        sys.modules[name] = module
        spec.loader.exec_module(module)

    # A class of the same form: it comes from that day's code.
    predictor: Predictor = import_module(f"{name}.loading")._load_pyfunc(str(data))
    return predictor


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "registered model",
        expected=expected,
        found=found,
        remedy="Do not use it: nothing of it was loaded. Look for who writes into the registry.",
    )
