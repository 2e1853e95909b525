"""Look evidence up, by references that people write into `configs/governance`.

Each answer is a claim with its entries, or says what is not there. `release_standing` is how the
release stands by the log, `signed_files` what lies at hand and was signed for, `model_facts` and
`ledger_facts` the facts that a reference of one word leads to; `case_evidence` finds them all.

May import: `tasks.attestation`, `tasks.dossier.claims`, `tasks.errors`, `tasks.formats`,
`tasks.gates`, `tasks.path`, `tasks.verifier`.
"""
