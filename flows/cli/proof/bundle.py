"""`./portcullis bundle <use case> --output FILE.zip`: an archive to verify a model with.

It holds all that an outsider needs; the verifier can be written beside it.
"""

import argparse
import zipfile
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.formats.archives import EPOCH, archive
from tasks.formats.import_graph import reached_files
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.zip")
    parser.add_argument(
        "--model", metavar="SHA256", help="the model (default: the one that lies in data/)"
    )
    parser.add_argument(
        "--chain-only", action="store_true", help="leave out entries about anything else"
    )
    parser.add_argument(
        "--verifier", type=Path, metavar="FILE.pyz", help="also write the verifier, as one file"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write the archive, and the verifier if it is asked for."""
    load_case(options.use_case, installation.workspace)
    with open_chain(options.use_case, options.model, installation, is_whole=True) as (
        ledger,
        log,
        chain,
    ):
        contents = choose(log, chain, may_be_complete=not options.chain_only)
        files = files_of(contents, ledger)
        # Raises for personal data: what leaves the house is looked through once more.
        scan(contents, files)

    options.output.write_bytes(archive(files))
    size_bytes = options.output.stat().st_size
    print(f"wrote {options.output}: {len(contents.entries)} statements, {size_bytes:,} bytes")
    root_keyid = next(iter(log.keys.entries))
    print(f"root key {root_keyid}: publish it where the reader finds it without this file")

    if options.verifier:
        write_verifier(options.verifier, installation.workspace)
        command = f"python {options.verifier.name} {options.output.name} --root KEYID"
        print(f"wrote {options.verifier}: `{command}`")
    return 0


def write_verifier(path: Path, workspace: Path) -> None:
    """Write the offline verifier as a zipapp, which needs Python and `cryptography` alone."""
    names = reached_files(workspace, "tasks.verifier.__main__", is_lazy_included=False)
    start = "import sys\nfrom tasks.verifier.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"
    with path.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
            for name in names:
                target.writestr(zipfile.ZipInfo(name, EPOCH), (workspace / name).read_bytes())
            target.writestr(zipfile.ZipInfo("__main__.py", EPOCH), start)
