"""The data path as DVC stages: run one, ask whether it is fresh, listen to it while it runs."""
