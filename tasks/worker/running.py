"""One stage, from its first look at what lies there to the last signature.

1. Read code and configuration once (`snapshot`), and note what the stage is declared to read.
2. Ask the ledger what it has to say before the stage begins (`asking`).
3. Run the stage's own code in a folder of its own, and digest its inputs meanwhile.
4. Sign for what it made and said; only then it is moved to where later stages look for it.
5. Of a registration that passed: write its dossier, publish both, and sign for the receipt.
6. Where the path ends before that: write the dossier that says why.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.attestation.artefacts import declared
from tasks.attestation.statement import Artefact
from tasks.clearance import attest_stage
from tasks.errors import PortcullisError
from tasks.guard.opening import read_compared_stores
from tasks.guard.seen import record_state
from tasks.notary.notary import Recorded
from tasks.path import PATH, waves
from tasks.system.installation import Installation
from tasks.worker.asking import ask_before, write_clearance, write_known_stores
from tasks.worker.launched_stage import LaunchedStage, launch_stage
from tasks.worker.mandate import Mandate
from tasks.worker.run_folder import open_run_folder
from tasks.worker.snapshot import continue_from, open_snapshot
from tasks.worker.starting import StageProcess, start_stage

if TYPE_CHECKING:
    from tasks.dossier.writing import Dossier

OPENS_REGISTRY = PATH[-1].name
# Stages at which a path ends, each alone in its wave. A dossier that is written while others run
# would move the time of their folder, which they take for somebody's writing to their inputs.
ENDING = frozenset(wave[0] for wave in waves() if len(wave) == 1)
# Stages after which people read that a key store was lost: the first that opens it, and the last.
TELLING = ("ingest", OPENS_REGISTRY)


def run_stage(stage: str, case: str, installation: Installation) -> tuple[int, tuple[str, ...]]:
    """Run and sign for one stage.

    Returns:
        The exit code, and lines for people: what was published, and which receivers of the audit
        log did not take its events.

    Raises:
        PortcullisError: The run could not begin, or was not signed for although it ended well.
    """
    mandate = Mandate.of(installation)
    with ExitStack() as stack:
        tree, snapshot = stack.enter_context(open_snapshot(installation, mandate.trees))
        # Before anything else is imported: from here on modules come from the snapshot, so that
        # what is imported late is of the same commit.
        continue_from(snapshot, tree)
        declaration = declared(stage, case, snapshot)
        run = stack.enter_context(open_run_folder(declaration, installation.workspace, snapshot))

        # Asked before the stage's code runs: what may not be learnt from need not be read.
        write_clearance(run, ask_before(stage, case, run, snapshot, installation))
        # Read by the worker, since the stage has no ledger to ask, and before the stage runs,
        # because it opens the key store.
        known = read_compared_stores(installation)
        write_known_stores(run, known)
        before = attest_stage.look(declaration, installation, configuration=snapshot, data=run.path)
        # Last before the start, so that little time lies between the look and the stage's own
        # reading.
        marks = run.marks()
        process: StageProcess | LaunchedStage
        if mandate.launcher is None:
            process = start_stage(stage, case, run, snapshot, installation)
        else:
            process = launch_stage(mandate.launcher, stage, case, run, snapshot)

        # Digested while the stage's code runs, so that it costs no time of its own.
        observed = attest_stage.observe(before, os.urandom(16).hex())
        exit_code = process.wait()
        report = process.read_report()
        observed = observed.under(
            mode=mandate.mode,
            actor=mandate.actor,
            ref=mandate.ref,
            signer=mandate.signer,
            isolation=process.isolation,
            engine=report.engine,
        )
        if exit_code == 0:
            # Only of a run that ended well: of another no output is signed for.
            run.require_unchanged(marks)
            # Before anything is signed about the run: it may not rest on a store that fell back.
            if report.key_store is not None:
                record_state(report.key_store, installation)

        lines: list[str] = []
        if stage in TELLING and report.key_store is not None:
            lines += known.describe_renewal(report.key_store.store_id)

        def write_dossier() -> "Dossier | None":
            return _write_dossier(stage, case, installation, snapshot, lines)

        def publish(decided: Recorded, model: Artefact) -> None:
            # Late: of all stages one alone publishes, and this brings pydantic.
            from tasks.worker.publishing import publish_model

            dossier = write_dossier()
            published = publish_model(model, run, observed.run, decided, installation, dossier)
            lines.append(published.line())

        # Also a stage that failed is signed for. Its own exit code then says more than ours.
        try:
            publisher = publish if stage == OPENS_REGISTRY else None
            counts = dict(report.counts)
            lines += attest_stage.attest(observed, counts, exit_code, publisher)
        except PortcullisError:
            write_dossier()
            # After the signatures: an output that lies where later stages look for it was signed
            # for.
            if exit_code == 0:
                raise
            return exit_code, tuple(lines)

        if exit_code == 0:
            run.take_outputs()
        else:
            write_dossier()
        return exit_code, tuple(lines)


def _write_dossier(
    stage: str, case: str, installation: Installation, snapshot: Path, lines: list[str]
) -> "Dossier | None":
    """Write the dossier of a release that ends at this stage; where it cannot be, say so."""
    if stage not in ENDING:
        return None
    # Late: it is needed where a release ends alone, and brings pydantic.
    from tasks.dossier.releasing import write_release_dossier

    try:
        return write_release_dossier(case, stage, installation, snapshot)
    except PortcullisError as error:
        # What a release came to is not changed by what is written about it.
        lines.append(f"dossier not written: {error}")
        return None
