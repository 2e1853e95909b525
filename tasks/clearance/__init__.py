"""Whether the ledger lets a model be trained or registered, and what is signed to answer that."""
