"""A program as one file: the modules of this tree that it imports, in one archive."""

import io
import zipfile
from pathlib import Path

from tasks.formats.archives import EPOCH
from tasks.formats.import_graph import reached_files


def zipapp_of(workspace: Path, module: str) -> bytes:
    """Return a zipapp that runs `main` of a module; the same code gives the same bytes.

    Args:
        workspace: The folder in which the packages lie.
        module: Whose `main` takes arguments and returns an exit code.
    """
    names = reached_files(workspace, module, is_lazy_included=False)
    start = f"import sys\nfrom {module} import main\nsys.exit(main(sys.argv[1:]))\n"
    stream = io.BytesIO(b"#!/usr/bin/env python3\n")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(zipfile.ZipInfo(name, EPOCH), (workspace / name).read_bytes())
        target.writestr(zipfile.ZipInfo("__main__.py", EPOCH), start)

    return stream.getvalue()
