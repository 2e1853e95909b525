"""How often each gate is wrong: false alarms on good data, and power against the faults it is for.

A module a gate; each simulates data and judges it through the gate's own functions.
"""
