"""Whether the ledger lets a model be trained or registered, and what is signed to answer that.

The worker attests every run of a stage from outside it, and asks the policy about what the ledger
says; what stages write about themselves is believed nowhere. What is done with the evidence
afterwards lies here too: it is bundled for outsiders, kept as long as the law asks, and pruned.

The checks of each gate's room (`tasks.stages.<gate>.checks`) are imported by the table of gates.

May import: `tasks.agreements`, `tasks.anchoring`, `tasks.attestation`, `tasks.audit_log`,
`tasks.code_identity`, `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.gates`,
`tasks.ledger`, `tasks.notary`, `tasks.path`, `tasks.settings`, `tasks.system`, `tasks.verifier`.
"""
