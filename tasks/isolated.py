"""Start one of our modules with nothing else of its checkout importable.

    python -I -S -X utf8 tasks/isolated.py <module> <argument>…

`-I` keeps out PYTHONPATH, the user's packages and the current folder: whatever else lies in the
checkout, a `yaml.py` at its top for example, is no module. `-S` keeps the interpreter from looking
for installed packages before this file can say how: the checkout's line in `portcullis.pth`, by
which notebooks find it, would let a `sitecustomize.py` at the checkout's top run first of all.

The worker is compiled from its sources at each start. Python takes bytecode from `__pycache__` by
the time and size of the source, which whoever writes to the checkout can forge. A stage's process
is started from a copy that the worker has written, bytecode included (`tasks.worker.snapshot`).

Standard library only, and no module of ours: this file is what finds them.
"""

import gc
import importlib
import importlib.machinery
import importlib.util
import os
import runpy
import site
import sys
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType

STAGE = "tasks.stages.process"
FLAGS = ("-I", "-S", "-X", "utf8")  # of every interpreter that starts this file

# A process that imports for seconds and then runs for seconds makes hardly any garbage in cycles.
# At Python's own 700 objects a collection, looking for it is a sixth of what an import costs.
GARBAGE_THRESHOLDS = (50_000, 20, 20)

IRI_SYNTAX = "rfc3987_syntax"


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compile the source, whatever bytecode lies beside it, and leave none.

    `source_sha256` says which source: `tasks.worker.snapshot` compares it with what is signed for.
    """

    source_sha256 = ""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self.source_sha256 = sha256(source).hexdigest()
        code: CodeType = self.source_to_code(source, path)
        return code


def main() -> None:
    """Make `tasks` importable, and run the module that the first argument names."""
    module = sys.argv[1]
    checkout = Path(__file__).resolve().parents[1]

    gc.set_threshold(*GARBAGE_THRESHOLDS)
    # Threads of OpenMP sleep while they wait for one another. By default they spin, and where
    # others want the processors too, that keeps from running whom they wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    # What `-S` has left out: the installed packages, in a virtual environment, too. A module that
    # is there already is not looked for.
    sys.modules["sitecustomize"] = ModuleType("sitecustomize")
    site.main()
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != checkout]
    defer_iri_grammar()

    # Processes that a stage starts find its code by sys.path. A stage's checkout is the worker's
    # copy, which holds nothing but what was digested.
    if module == STAGE:
        sys.path.insert(0, str(checkout))
    else:
        _find_package(str(checkout / "tasks"))

    sys.argv[:2] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def defer_iri_grammar() -> None:
    """Have the grammar of internationalised addresses built when one is checked, if ever.

    jsonschema, which Prefect and Great Expectations import, takes a function of `rfc3987_syntax`
    for its formats `iri` and `iri-reference`. That package builds its grammar while it is imported:
    three quarters of a second for what hardly any process asks. A module that has not run yet
    stands in for it, and what is asked of it is asked of the package's own module.
    """
    spec = None if IRI_SYNTAX in sys.modules else importlib.util.find_spec(IRI_SYNTAX)
    if spec is None:
        return

    def is_valid_syntax(term: str, value: str) -> bool:
        module = importlib.import_module(f"{IRI_SYNTAX}.syntax_helpers")
        return bool(module.is_valid_syntax(term=term, value=value))

    stand_in = importlib.util.module_from_spec(spec)
    vars(stand_in)["is_valid_syntax"] = is_valid_syntax
    sys.modules[IRI_SYNTAX] = stand_in


def _find_package(folder: str) -> None:
    """Make the package in `folder` importable as `tasks`, from its sources alone."""

    def finder_of(entry: str) -> importlib.machinery.FileFinder:
        if entry != folder and not entry.startswith(f"{folder}/"):
            raise ImportError(entry)  # the import system asks the next hook
        return importlib.machinery.FileFinder(entry, (_SourceLoader, [".py"]))

    sys.path_hooks.insert(0, finder_of)
    path = f"{folder}/__init__.py"
    spec = importlib.util.spec_from_file_location(
        "tasks",
        path,
        loader=_SourceLoader("tasks", path),
        submodule_search_locations=[folder],
    )
    if spec is None or spec.loader is None:
        raise ImportError("tasks")
    package = importlib.util.module_from_spec(spec)
    sys.modules["tasks"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
