"""`./portcullis scan`: vulnerabilities, licences and files of what is shipped; its materials."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.errors import RefusedError
from tasks.plain_text import one_line

EXAMPLES = """\
Before an image is released, and each night:
  ./portcullis scan
  ./portcullis scan --sbom portcullis.cdx.json --json

Exit codes: 0 all that was measured passed; 3 something failed, or is undecided.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    sbom: Annotated[
        Path | None,
        typer.Option(
            "--sbom",
            metavar="FILE",
            help="Write the bill of materials (CycloneDX 1.6) to a new file.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Scan by configs/supply-chain.yaml."""
    from tasks.config.sources import today
    from tasks.formats.digests import sha256_of
    from tasks.formats.new_file import require_new_file, write_new_file
    from tasks.gates.outcome import Outcome
    from tasks.supply_chain.declaring import DEFAULT_FILE, read_supply_chain
    from tasks.supply_chain.materials import bill_of_materials
    from tasks.supply_chain.scanning import scan

    installation = installation_of(context)
    if sbom:
        require_new_file(sbom)
    path = installation.workspace / DEFAULT_FILE
    declared = read_supply_chain(path)
    scanned = scan(declared, installation.workspace, today(installation.settings))
    if sbom:
        write_new_file(sbom, bill_of_materials(scanned.shipped))

    lines = [f"{len(scanned.shipped)} packages"]
    for check in scanned.checks:
        lines.append(f"{check.id}: {str(check.outcome).replace('_', ' ')}")
        lines.extend(f"  {one_line(line)}" for line in check.lines)
    values = {
        "outcome": str(scanned.outcome),
        "packages": len(scanned.shipped),
        # What it was judged by, and what it looked at: the same scan on another day has another
        # database.
        "declaredSha256": sha256_of(path),
        "databaseSha256": scanned.database_sha256,
        "recordsSha256": scanned.records_sha256,
        "checks": {
            check.id: {
                "outcome": str(check.outcome),
                "lines": [one_line(line) for line in check.lines],
            }
            for check in scanned.checks
        },
    }
    print_result(lines, values, is_json=is_json)
    # What nobody measured (no database is declared, Trivy is not installed) is said, and does not
    # shut the gate; what is undecided does.
    is_open = scanned.outcome in (Outcome.PASS, Outcome.NOT_MEASURED)
    return 0 if is_open else RefusedError.exit_code
