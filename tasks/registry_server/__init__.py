"""The registry's server: MLflow behind an identity provider, with roles, refusals and an audit log.

`mlflow server --app-name portcullis` serves it (`app.create_app`). A call goes inward through
`auditing` (one event each, written before anything is changed), `entrance` (one host, one form of
a request, a caller with a name: `normal_form`, `tokens`, `sessions`, `signing_in`) and, innermost,
`authorising` (the route's class in `routes.yaml`, the caller's roles, `closed_runs`); then MLflow's
own handler runs. `calls` is what these layers tell each other, `configuring` what the operator
sets. Whoever is not allowed is refused: an unknown route, an unknown group, a silent provider.

May import: `tasks.audit_log`, `tasks.errors`, `tasks.formats`, `tasks.secrets`,
`tasks.settings`.
"""
