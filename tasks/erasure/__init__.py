"""Erase people (GDPR Art. 17): from every version of every dataset, and from what quoted them.

`erasing` is what commands and flows call; `queue` carries out what waits, so that nobody stands in
another's way; `saga` holds the order of the steps and why; `batch` is what one run works on;
`journal` and `request` are what a crash must not lose; `holds` and `policy` say what is kept
although somebody asked (Art. 17(3)); `statements` and `receipt` prove it to the person; `status`
shows requests against their term (Art. 12(3)). Below lie `searching`, which finds people, and
`sinks`, which take them out of other programs' stores.

May import: `tasks.errors`, `tasks.attestation`, `tasks.attestation.predicates`, `tasks.config`,
`tasks.formats`, `tasks.guard`, `tasks.keystore`, `tasks.notary`, `tasks.registry`,
`tasks.reports`, `tasks.system`, `tasks.verifier`, `tasks.erasure.searching`,
`tasks.erasure.sinks`.
"""
