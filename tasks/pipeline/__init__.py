"""Run the data path through DVC: derive its file, run a stage, listen to it, ask what is stale.

`dvc_file` derives `dvc.yaml`; `runner` runs one stage, `lock_file` changes DVC's lock file as DVC
does, in less time; `parsed_files` spares it parsing a text twice, and `one_look` digesting a folder
twice in one look at what is stale: these four alone import DVC;
`channel` is the stage's end and `listener` the runner's end of the socket between the two; `pace`
says how far a stage is, and `memory` what its processes hold; `stores` lists where DVC keeps
versions.

May import: `tasks.config`, `tasks.errors`, `tasks.path`, `tasks.plain_text`, `tasks.isolated`,
`tasks.formats`, `tasks.under_way`.
"""
