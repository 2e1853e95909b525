"""The page of a release: what it came to, what failed, what differs from the last, what to do next.

It is written after the last gate has spoken and is no stage's output: nothing reads it but people,
and no gate opens by it (docs/adr/0083-the-page-of-a-release.md). The same evidence gives the same
bytes. A blocked release has one, too.

`record` is what a release came to, `gates` a row for each gate, `changes` the comparison with the
release before, `margins` the drawing, `composing` the page, `writing` its files, and `listing` the
list of all releases above it.

May import: `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.gates`, `tasks.notary`,
`tasks.path`, `tasks.reports`.
"""
