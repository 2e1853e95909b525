"""Where secrets come from: the environment, files, and Vault or OpenBao, by one provider.

`declaring` reads the one file that says which secret comes from where, by `references` and never
by a value. `provider` hands them out; `access` logs in and keeps the token alive, `leases` does so
for accounts of a database, and `upkeep` is the thread that renews both. `pools` gives leased
accounts to SQLAlchemy's engines, `tracking_store` to MLflow's, `object_store` gives keys to boto3.
`opening` opens an installation whose settings are such references.
`setting_up` makes in OpenBao what all this needs.

May import: `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.settings`, `tasks.system`.
"""
