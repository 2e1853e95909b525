"""The worker as a service of its own accounts: who is judged can ask it, and can write to nothing.

Four accounts. *root* starts the service and keeps one small process, the launcher, which starts
stages under another account and hands their outputs over. The *worker's* account holds keys, ledger
and the registry's credentials, checks commits out and judges. The *stage's* account runs the code
of a commit: it holds no key, sees no other process, and has no network unless it reads sources.
*Clients* (data scientists, Prefect's worker) may connect to one socket and name a commit and a use
case; what they set in their environment or write to their checkout reaches nobody.

    client ── worker.sock ── daemon ── session ── DVC ── worker ── launcher.sock ── stage
    (any)                    (worker's account)                    (root)          (stage's account)

May import: `tasks.errors`, `tasks.path`, `tasks.isolated`, `tasks.settings`, `tasks.config`,
`tasks.formats`, `tasks.plain_text`, `tasks.system`, `tasks.checkout`, `tasks.code_identity`,
`tasks.dossier`, `tasks.pipeline`, `tasks.promotion`, `tasks.secrets`, `tasks.worker`.
"""
