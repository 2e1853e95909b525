"""That the worker itself runs the code that it signs for.

Its first modules come from the checkout, where somebody may exchange them for a moment. They are
compared with the snapshot by the bytes that were compiled. All that it imports later comes from
the snapshot.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tasks.code_identity.tree import Tree
from tasks.errors import EvidenceError

PACKAGE = "tasks"


def continue_from(snapshot: Path, tree: Tree) -> None:
    """Compare the modules of this process with a snapshot, and import the others from there.

    A process that `tasks/isolated.py` did not start (a test, a notebook) is left as it is: nobody
    signs in it.

    Raises:
        EvidenceError: A module that runs here is not the one that was read.
    """
    checkout = Path(str(sys.modules[PACKAGE].__file__)).parents[1]

    for module, sha256 in _compiled_here():
        path = Path(str(module.__file__)).relative_to(checkout).as_posix()
        digests = tree.digests.get(path)
        if digests is None or digests.sha256 != sha256:
            raise EvidenceError(
                path,
                expected="the code that runs here",
                found="other code: it was exchanged while it was read",
                remedy="Nothing was signed: run the stage again with nothing else writing.",
            )
        if hasattr(module, "__path__"):
            module.__path__ = [str(snapshot / Path(path).parent)]


def _compiled_here() -> Iterator[tuple[ModuleType, str]]:
    """Yield our modules, and the digest of the source that each was compiled from."""
    for module in tuple(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        sha256 = getattr(getattr(spec, "loader", None), "source_sha256", "")
        if sha256:
            yield module, sha256
