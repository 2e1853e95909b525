"""The machine and the services beside it: processes, git, SQL databases, Vault Transit, secrets."""
