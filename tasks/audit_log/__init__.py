"""The pipeline's own audit log: OCSF events in batches, and how they reach a SIEM."""
