"""The data path: what is computed, judged, signed and kept. `flows/` starts it."""
