"""PostgreSQL beneath the registry: roles, triggers, and evidence that the gatekeeper alone inserts.

MLflow serves as an account that may neither change the schema nor make a version without evidence
(`schema.sql`). `privileges` declares who may do what, `installing` makes a database so, `checking`
says what is otherwise (`catalogue` has its questions). The worker that publishes calls `admitting`;
`log_events` turns PostgreSQL's own log, with pgaudit's lines and every denial, into events.

May import: `tasks.audit_log`, `tasks.errors`, `tasks.formats`, `tasks.plain_text`, `tasks.system`.
"""

from tasks.registry_database.admitting import (
    Admission,
    AliasApproval,
    StoredAdmission,
    admit,
    approve_alias,
    claim_name,
    find_admission,
    withdraw,
)

__all__ = [
    "Admission",
    "AliasApproval",
    "StoredAdmission",
    "admit",
    "approve_alias",
    "claim_name",
    "find_admission",
    "withdraw",
]
