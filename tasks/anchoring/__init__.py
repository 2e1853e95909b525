"""Bring the ledger's checkpoint out of this machine's reach: a mirror, a witness, a time stamp."""
