"""What flows consist of: stages as Prefect tasks, a form for approvals, artifacts, and evidence.

Prefect is known here, in the flows and in `serving`, and nowhere else: `approval_form`, `artifacts`
and `stages` import it. All else does without it, so that commands start in a fraction of the time.

May import: `tasks.attestation`, `tasks.clearance`, `tasks.config`, `tasks.dossier`, `tasks.errors`,
`tasks.formats`, `tasks.ledger`, `tasks.notary`, `tasks.path`, `tasks.pipeline`, `tasks.plain_text`,
`tasks.promotion`, `tasks.release_page`, `tasks.service`, `tasks.system`, `tasks.verifier`,
`tasks.worker`.
"""
