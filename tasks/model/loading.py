"""Load a registered model anywhere: what MLflow imports from the model's own folder `code/`.

This package is shipped there under a name that holds its digest. Models of different code can so be
loaded side by side in one process, and no `tasks` or `model` of that environment is in the way.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from .deciding import DecisionModel
from .errors import BrokenModelError

HERE = Path(__file__).parent
SHIPPED_AS = "portcullis_model_"
NAME_DIGITS = 16


def code_files(folder: Path = HERE) -> tuple[Path, ...]:
    """Return the modules of this package, sorted; not the bytecode that Python leaves."""
    return tuple(sorted(folder.glob("*.py")))


def code_sha256(folder: Path = HERE) -> str:
    """Return the sha256 of this package's manifest (`<sha256>  <name>` lines, sorted by name)."""
    lines = (
        f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in code_files(folder)
    )
    return sha256("".join(lines).encode()).hexdigest()


def shipped_name(code: str) -> str:
    """Return the name under which code of this digest is shipped."""
    return f"{SHIPPED_AS}{code[:NAME_DIGITS]}"


def require_judged_code(model: DecisionModel) -> None:
    """Refuse to decide by other code than the model was judged with.

    Raises:
        BrokenModelError: This package's files are not those that the model names.
    """
    # Read from the files of this very package, wherever it lies: not from what it says of itself.
    digest = code_sha256()
    if digest != model.contract.code_sha256:
        raise BrokenModelError(
            "the model's code",
            expected=f"the one it was judged with ({model.contract.code_sha256[:12]}…)",
            found=f"another ({digest[:12]}…)",
            remedy="Load the model as it was registered; in a checkout, train it again.",
        )


class Predictor:
    """What `mlflow.pyfunc.load_model` gives a name: `predict` is all that MLflow asks for."""

    def __init__(self, model: DecisionModel) -> None:
        self.model = model
        # Built now, not at the first row: what cannot be explained must fail before it decides.
        self.explainer = model.explainer

    def predict(self, rows: Any, params: dict[str, Any] | None = None) -> Any:
        """Return `DecisionModel.answer(rows)`, with the words in `params["language"]`."""
        return self.model.answer(rows, (params or {}).get("language"))


def _load_pyfunc(data_path: str) -> Predictor:
    """Load the model that lies at `data_path`; MLflow's entry point.

    Raises:
        BrokenModelError: The folder does not hold a whole model, or not one of this code.
    """
    model = DecisionModel.load(Path(data_path))
    require_judged_code(model)
    return Predictor(model)
