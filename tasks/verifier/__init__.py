"""Verify what was signed without trusting who signed it: offline, from a bundle, or from the log."""
