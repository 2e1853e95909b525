"""Get the code of one commit from a remote repository, for a worker that takes no working tree.

A bare mirror of the remote belongs to the worker's account. Of it a commit is written out, if it is
releasable: on a protected ref, or signed by an allowed key. Nothing of git's is run that a
repository could configure: no checkout, filter, hook or submodule.

May import: `tasks.errors`, `tasks.system`, `tasks.attestation`, `tasks.code_identity`.
"""
