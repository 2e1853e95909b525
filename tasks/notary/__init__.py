"""The worker's hand on the ledger: sign statements and audit events by role, and append them."""
