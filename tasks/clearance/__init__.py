"""Whether the ledger lets a model be trained or registered, and what is signed to answer that.

The worker attests every run of a stage from outside it, and asks the policy about what the ledger
says; what stages write about themselves is believed nowhere. What is done with the evidence
afterwards lies here too: it is bundled for outsiders, kept as long as the law asks, and pruned.

The checks of each gate's room (`tasks.stages.<gate>.checks`) are imported by the table of gates.

May import: `tasks.errors`, `tasks.path`, `tasks.settings`, `tasks.config`, `tasks.gates`,
`tasks.formats`, `tasks.system`, `tasks.attestation`, `tasks.ledger`, `tasks.verifier`,
`tasks.notary`, `tasks.audit_log`, `tasks.anchoring`, `tasks.code_identity`.
"""
