"""What flows consist of: stages as Prefect tasks, a form for approvals, artifacts, and evidence.

Prefect is known here, in the flows and in `serving`, and nowhere else. `gate_table`,
`promoting`, `unchanged` and `where` do without it.

May import: `tasks.attestation`, `tasks.clearance`, `tasks.config`, `tasks.dossier`, `tasks.errors`,
`tasks.formats`, `tasks.ledger`, `tasks.notary`, `tasks.path`, `tasks.pipeline`, `tasks.plain_text`,
`tasks.promotion`, `tasks.release_page`, `tasks.service`, `tasks.system`, `tasks.verifier`,
`tasks.worker`.
"""
