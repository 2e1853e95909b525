"""Look into content: every charset, encoding, compression, archive and table that is declared here.

`unfolder` walks through one file's content and yields every piece that can be read in it: itself,
then what lies within. `charsets`, `escapes` and `base_runs` read texts that are written otherwise;
`compression`, `archives`, `tables`, `programs` and `documents` open containers; `joined_cells`
looks at a table's cells together. Nothing is executed and nothing is written.

May import: nothing of this project.
"""
