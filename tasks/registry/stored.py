"""Whether what a registry has stored is what was judged, file by file.

The model folder is compared by the digest that the verdicts are about. All else that steers what a
loaded model does (code, loader, signature, requirements) follows from that folder, so it is packed
again and compared; what may differ is when, and with which MLflow and Python, it was packed.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of
from tasks.formats.yaml_file import read_yaml
from tasks.registry.packing import CODE, DATA, pack

VERSION = r"[0-9][0-9A-Za-z.+!-]*"
PACKED_WITH = re.compile(rf"^(mlflow|python|pip|setuptools|wheel)(==|=|<=|>=){VERSION}$")
STEERING = ("flavors", "signature", "is_signature_from_type_hint", "metadata")
# MLflow writes this beside a model that was loaded by its registered name, into the store itself
# where that is a folder of this machine. Nothing reads it.
LOADED_AS = "registered_model_meta"


def require_judged_bytes(stored: Path, model_folder: Path, model_sha256: str) -> None:
    """Compare a packed model, as a registry gave it back, with the judged model folder.

    Args:
        stored: The packed model, downloaded.
        model_folder: `train/model`, as it lies in the workspace.
        model_sha256: The digest that was cleared.

    Raises:
        EvidenceError: They differ; names the first file that does.
    """
    data = stored / DATA / model_folder.name
    given_back = sha256_of(data) if data.exists() else "none"
    if given_back != model_sha256:
        raise _altered("the model", model_sha256, given_back)

    with TemporaryDirectory() as scratch:
        expected = pack(model_folder, Path(scratch) / "model")
        names = _names(expected)
        # In both directions: a file more may be loaded, one that is missing may be found elsewhere
        # on the path.
        if odd := sorted(set(names) ^ set(_names(stored))):
            raise _altered(f"{odd[0]} of the model", "the files that were sent", "others")
        for name in names:
            if _content(expected, name) != _content(stored, name):
                raise _altered(f"{name} of the model", "what was sent", "something else")


def _names(folder: Path) -> list[str]:
    return sorted(
        name
        for path in folder.rglob("*")
        if path.is_file() and (name := path.relative_to(folder).as_posix()) != LOADED_AS
    )


def _content(folder: Path, name: str) -> Any:
    """Return what counts of one file.

    Its bytes, but for what says when and with what it was made.
    """
    path = folder / name
    if name.startswith((f"{DATA}/", f"{CODE}/")):
        return path.read_bytes()
    if name == "MLmodel":
        return _steering(read_yaml(path, name))
    if name in ("conda.yaml", "python_env.yaml"):
        return _unversioned(read_yaml(path, name))
    if name == "requirements.txt":
        # Whatever bytes lie there, they are compared: what is no UTF-8 differs from what was sent.
        return _unversioned(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return path.read_bytes()


def _steering(model: Any) -> dict[str, Any]:
    """Return the parts of an `MLmodel` that decide what is loaded, and how it is asked."""
    if not isinstance(model, dict):
        return {}

    parts = {key: model.get(key) for key in STEERING}
    if isinstance(parts["flavors"], dict):
        parts["flavors"] = {
            name: {key: value for key, value in settings.items() if key != "python_version"}
            if isinstance(settings, dict)
            else settings
            for name, settings in parts["flavors"].items()
        }

    return parts


def _unversioned(values: Any) -> Any:
    """Return an environment without the versions of the tools that packed it."""
    if isinstance(values, dict):
        return {
            key: "" if key == "python" else _unversioned(value) for key, value in values.items()
        }
    if isinstance(values, list):
        return [_unversioned(value) for value in values]
    return PACKED_WITH.sub(r"\1", values) if isinstance(values, str) else values


def _altered(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        f"{where} as the registry stored it",
        expected=expected,
        found=found,
        remedy="Do not use it; look for who or what writes into the artifact store.",
    )
