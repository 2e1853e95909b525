"""Take a person out of the bytes of one file, and leave every other byte where it is.

A file is never loaded and written again: what goes is a list of byte ranges (`edits`), found among
records of CSV (`csv_records`), values of JSON (`json_spans`) and lines of text (`mentions`).
`archives` and `parquet_rows` put what was cut back into its container, and copy the rest of it.

May import: `tasks.erasure.searching.search_terms`, `tasks.erasure.searching.unfolding`.
"""
