"""The data path and only it: one room a stage, and the process and workspace that stages run in."""
