"""The dossier: what a regulator, a validator and a board read about one model.

Every claim is a reference to evidence (an entry of the ledger, a check of a verdict, an artefact by
digest) or is missing, with an owner and a day, or is not applicable, with a reason. `governance`
is what has to be answered and by which law, `evidence` looks references up, `answering` weighs,
`pages` and `composing` lay out, `rendering` writes HTML, `indexing` JSON, `writing` the folder, and
`offline` is the program that checks one without us. No sentence in it stands in for an answer that
nobody gave (docs/adr/0100-a-claim-is-a-reference.md).

May import: `tasks.attestation`, `tasks.clearance`, `tasks.config`, `tasks.errors`, `tasks.formats`,
`tasks.ledger`, `tasks.notary`, `tasks.path`, `tasks.plain_text`, `tasks.reports`, `tasks.system`,
`tasks.verifier`.
"""
