"""Every attempt on the same data, as the log has them: how many, with what outcome, what differed.

Pure, and the same from a log and from a bundle. What was not run through the worker left no trace
in the log, and is not here.

May import: `tasks.path`, `tasks.gates`, `tasks.attestation`, `tasks.verifier`.
"""
