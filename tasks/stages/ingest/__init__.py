"""Bring the sources together: declared columns only, one row per application, under a pseudonym.

`reading` turns each source into a frame of its declared columns, whatever it is stored as;
`joining`, `matching`, `deriving` and `third_persons` are pure functions of frames, with reports of
counts; `compressed_texts` keeps a delivery's long texts small until their rows are sealed;
`sample` invents people for the reference case.

May import: `tasks.errors`, `tasks.config`, `tasks.engines`, `tasks.keystore`,
`tasks.stages.workspace`, `tasks.under_way`.
"""
