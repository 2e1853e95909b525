"""A dossier on paper: its pages as one PDF, for archives (PDF/A-2b) and for everybody (PDF/UA-1).

`typst` sets it: where it is not installed there is no PDF, and the pages print from a browser. The
template is fixed and reads the content as data, so no text of a claim can be a command.

May import: `tasks.dossier`, `tasks.errors`, `tasks.formats`.
"""
