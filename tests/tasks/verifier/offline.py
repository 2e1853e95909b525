"""An interpreter that has the standard library and `cryptography`, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import _cffi_backend
import cryptography


def make_library(folder: Path) -> Path:
    """Fill a folder with all that the verifier may use besides the standard library; return it."""
    library = folder / "library"
    library.mkdir()
    (library / "cryptography").symlink_to(Path(cryptography.__file__).parent)
    backend = Path(_cffi_backend.__file__)
    (library / backend.name).symlink_to(backend)
    return library


def run_offline(
    library: Path, *arguments: str, code_path: Path | None = None, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    """Run the base interpreter without any site-packages, in a folder that holds no code.

    Args:
        library: What `make_library` made.
        *arguments: After the interpreter's own options.
        code_path: A folder from which modules may be imported, too.
        encoding: Of what it prints.
    """
    paths = [str(library), *([str(code_path)] if code_path else [])]
    return subprocess.run(
        # -S: `site` would add the site-packages of the base interpreter.
        [
            sys._base_executable,  # type: ignore[attr-defined] # of the interpreter, not of .venv
            "-S",
            *arguments,
        ],
        cwd="/",
        env={
            "PYTHONPATH": os.pathsep.join(paths),
            "PATH": os.environ["PATH"],
            "PYTHONIOENCODING": encoding,
        },
        capture_output=True,
        text=True,
        check=False,
    )
