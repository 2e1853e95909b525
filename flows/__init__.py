"""What people start: one module a flow; `cli` holds the commands, `serving` the servers."""
