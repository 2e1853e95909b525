"""Commands about evidence: verify it, sign approvals, hand it out, and look after its keys.

May import: `flows.cli.base`, `flows.steps`, `flows.use_cases`, `tasks.anchoring`,
`tasks.attestation`, `tasks.audit_log`, `tasks.clearance`, `tasks.config`, `tasks.erasure`,
`tasks.errors`, `tasks.gates`, `tasks.guard`, `tasks.keystore`, `tasks.ledger`, `tasks.model`,
`tasks.notary`, `tasks.promotion`, `tasks.stages.explain`, `tasks.stages.workspace`,
`tasks.formats`, `tasks.system`, `tasks.verifier`, `tasks.plain_text`.
"""
