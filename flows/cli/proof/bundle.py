"""`./portcullis bundle <use case> --output FILE.zip`: an archive to verify a model with.

It holds all that an outsider needs; the verifier can be written beside it.
"""

import argparse
import io
import zipfile
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.errors import ConfigError
from tasks.formats.archives import EPOCH, archive
from tasks.formats.import_graph import reached_files
from tasks.formats.new_file import require_new_file, write_new_file
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
    _require_new_files(options)
    with open_chain(options.use_case, options.model, installation, is_whole=True) as (
        ledger,
        log,
        chain,
    ):
        contents = choose(log, chain, may_be_complete=not options.chain_only)
        files = files_of(contents, ledger)
        # Raises for personal data: what leaves the house is looked through once more.
        scan(contents, files)

    content = archive(files)
    write_new_file(options.output, content)
    print(f"wrote {options.output}: {len(contents.entries)} statements, {len(content):,} bytes")
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
    stream = io.BytesIO(b"#!/usr/bin/env python3\n")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(zipfile.ZipInfo(name, EPOCH), (workspace / name).read_bytes())
        target.writestr(zipfile.ZipInfo("__main__.py", EPOCH), start)
    write_new_file(path, stream.getvalue())


def _require_new_files(options: argparse.Namespace) -> None:
    require_new_file(options.output)
    if options.verifier is None:
        return
    require_new_file(options.verifier)
    if options.verifier == options.output:
        raise ConfigError(
            "--verifier",
            expected="another file than --output",
            found="the same",
            remedy="Name two files.",
        )
