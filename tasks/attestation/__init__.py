"""Say what was done, and sign it: statements, envelopes, predicates, roles and keys."""
