"""What statements say: one frozen class for each predicate, which writers build and readers get.

`to_dict` returns the JSON that is signed and `from_dict` reads it back. Both are the only places
that know the names of the fields. Three predicates are other people's formats (SLSA provenance v1,
SLSA verification summary v1, in-toto test-result v0.1): fields that we do not know are ignored
there, as their specifications ask. All others are our own: a field that is unknown or missing makes
the statement void, for whoever wrote it knew something that this reader does not.

May import: `tasks.errors`, `tasks.path`, `tasks.formats`, `tasks.gates`, `tasks.attestation`.
"""
