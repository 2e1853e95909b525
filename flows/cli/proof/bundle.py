"""`./portcullis bundle <use case> --output FILE.zip`: an archive to verify a model with.

It holds all that an outsider needs; the verifier can be written beside it.
"""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Model, UseCase
from flows.steps.evidence import open_chain
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.errors import ConfigError
from tasks.formats.archives import archive
from tasks.formats.new_file import require_new_file, write_new_file
from tasks.formats.zipapps import zipapp_of

EXAMPLES = """\
For an auditor without access to this machine:
  ./portcullis bundle loan --output loan.zip \\
    --verifier verify.pyz
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    output: Annotated[Path, typer.Option(metavar="FILE.zip", help="A new file for the archive.")],
    model: Model = None,
    chain_only: Annotated[
        bool, typer.Option("--chain-only", help="Leave out entries about anything else.")
    ] = False,
    verifier: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pyz", help="Also write the verifier, as one file.", show_default=False
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Write the archive, and the verifier if it is asked for."""
    installation = installation_of(context)
    load_case(use_case, installation.workspace)
    _require_new_files(output, verifier)
    # Every entry of the log: what speaks against a model (a revoked key, a later decision, what is
    # in force) may be in entries about something else (ADR 50, 53).
    with open_chain(use_case, model, installation, is_whole=True) as (
        ledger,
        log,
        chain,
    ):
        contents = choose(log, chain, may_be_complete=not chain_only)
        files = files_of(contents, ledger)
        # Raises for personal data: what leaves the house is looked through once more.
        scan(contents, files)

    content = archive(files)
    write_new_file(output, content)
    # The first key of a log is its root's: `Notary.begin` enters that before all others.
    root_keyid = next(iter(log.keys.entries))
    lines = [
        f"wrote {output}: {len(contents.entries)} statements, {len(content):,} bytes",
        f"root key {root_keyid}: publish it where the reader finds it without this file",
    ]
    if verifier:
        write_verifier(verifier, installation.workspace)
        command = f"python {verifier.name} {output.name} --root KEYID"
        # KEYID stands there as a word: whoever took it from beside the archive would check the
        # archive by itself.
        lines.append(f"wrote {verifier}: `{command}`")
    values = {
        "file": str(output),
        "statements": len(contents.entries),
        "bytes": len(content),
        "rootKeyId": root_keyid,
        "verifier": str(verifier) if verifier else None,
    }
    print_result(lines, values, is_json=is_json)
    return 0


def write_verifier(path: Path, workspace: Path) -> None:
    """Write the offline verifier as a zipapp, which needs Python and `cryptography` alone."""
    write_new_file(path, zipapp_of(workspace, "tasks.verifier.__main__"))


def _require_new_files(output: Path, verifier: Path | None) -> None:
    require_new_file(output)
    if verifier is None:
        return

    require_new_file(verifier)
    if verifier == output:
        raise ConfigError(
            "--verifier",
            expected="another file than --output",
            found="the same",
            remedy="Name two files.",
        )
