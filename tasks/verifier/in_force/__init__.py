"""What is in force, by the ledger: which entry says so, and what of a chain it does not allow.

Pure, and without the policy's engine, so that an outsider who has a bundle comes to the same answer
as the worker that cleared the model.

May import: `tasks.errors`, `tasks.path`, `tasks.gates`, `tasks.attestation`, `tasks.verifier`.
"""
