"""Prefect's servers as this project starts them, and the runs that a command attends."""
