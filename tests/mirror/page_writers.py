"""The programs that write pages of `docs/`: they are no package, and are loaded by their path."""

import importlib.util
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


def load_page_writer(name: str) -> ModuleType:
    """Return the module `docs/<name>.py`."""
    spec = importlib.util.spec_from_file_location(f"portcullis_docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
