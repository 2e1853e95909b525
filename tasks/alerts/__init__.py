"""Alerts: the rules of configs/siem, evaluated on our own events, and what fires told to people.

`rules` reads what `docs/detections.py` converted, `windows` counts events in SQLite, `findings`
makes OCSF events (2004) of what fired, `posting` signs and posts them, and `watching` is one pass
over all that is due.

May import: `tasks.audit_log`, `tasks.errors`, `tasks.formats`, `tasks.settings`, `tasks.system`.
"""
