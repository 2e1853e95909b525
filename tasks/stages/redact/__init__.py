"""The stage `redact`: mask personal data before any later stage can read it; judge what leaked.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.gates`, `tasks.redaction`,
`tasks.redaction.engines`, `tasks.reports`, `tasks.stages.workspace`, `tasks.under_way`.
"""
