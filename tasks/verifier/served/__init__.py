"""Which model served when, as the log has it: by whose decision, with whose approval.

`approving` says whether a second person's approval is good for one step, `timeline` lists the steps
that count, `shown` writes them for people and for a bundle's report. Pure, and the same from a log
and from a complete bundle.

May import: `tasks.attestation`, `tasks.verifier`.
"""
