"""Weigh every verdict into one decision, and write it down, whatever it is; stop nothing.

May import: `tasks.stages.weighing`, `tasks.stages.workspace`.
"""
