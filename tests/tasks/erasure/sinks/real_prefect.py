"""Prefect's own database, made, filled and used by Prefect itself, each in a process of its own.

In this process Prefect's settings and engines would be those of the first test for ever.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What is left in each place; `{}` is the text, which stands nowhere in the code of a process.
FILL = """
import asyncio, json, os, sys, uuid, datetime
from prefect.server.database import provide_database_interface
from prefect.server import models, schemas
from prefect.server.schemas import actions, core, states

TEXTS = json.loads(sys.stdin.read())
now = datetime.datetime.now(datetime.timezone.utc)

async def main():
    db = provide_database_interface()
    await db.create_db()
    async with db.session_context(begin_transaction=True) as session:
        for number, text in enumerate(TEXTS):
            flow = await models.flows.create_flow(session, core.Flow(name=f"flow {number}"))
            run = await models.flow_runs.create_flow_run(session, core.FlowRun(
                flow_id=flow.id, name=f"run {text}", parameters={"who": text, "n": 1.50},
                tags=[text], state=states.Completed(message=f"did {text}")))
            await models.logs.create_logs(session, [core.Log(
                name="x", level=20, flow_run_id=run.id, timestamp=now, message=f"log {text}")])
            await models.variables.create_variable(session, actions.VariableCreate(
                name=f"v{number}", value={"of": text}))
            await models.artifacts.create_artifact(session, core.Artifact(
                key=f"a{number}", type="markdown", data=f"# {text}", description=text))
            await models.concurrency_limits.create_concurrency_limit(session,
                core.ConcurrencyLimit(tag=f"limit-{number}", concurrency_limit=1))
            kind = await models.block_types.create_block_type(session, core.BlockType(
                name=f"Kind {number}", slug=f"kind-{number}"))
            fields = {"title": f"k{number}", "type": "object", "properties": {}}
            schema = await models.block_schemas.create_block_schema(
                session, actions.BlockSchemaCreate(fields=fields, block_type_id=kind.id))
            blocks = {"notes": {"note": f"call {text}", "n": 1}, "only": {"value": text}}
            for name, data in blocks.items():
                await models.block_documents.create_block_document(session,
                    actions.BlockDocumentCreate(name=name, data=data,
                        block_schema_id=schema.id, block_type_id=kind.id))
asyncio.run(main())
"""
READ = """
import asyncio, json
from prefect.server.database import provide_database_interface
from prefect.server import models, schemas

async def main():
    db = provide_database_interface()
    async with db.session_context() as session:
        runs = await models.flow_runs.read_flow_runs(session)
        blocks = await models.block_documents.read_block_documents(session, include_secrets=True)
        variables = await models.variables.read_variables(session)
        logs = await models.logs.read_logs(
            session, None, sort=schemas.sorting.LogSort.TIMESTAMP_ASC)
        artifacts = await models.artifacts.read_artifacts(session)
        print(json.dumps({
            "runs": [[run.name, run.parameters, run.state.type, run.state.name, run.state.message]
                     for run in sorted(runs, key=lambda run: run.created)],
            "blocks": sorted([[b.block_type_name, b.name, b.data] for b in blocks]),
            "variables": {variable.name: variable.value for variable in variables},
            "logs": sorted(log.message for log in logs),
            "artifacts": {artifact.key: artifact.data for artifact in artifacts},
        }, default=str))
asyncio.run(main())
"""


@dataclass(frozen=True)
class RealPrefect:
    """A folder with Prefect's database."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "prefect.db"

    def fill(self, *texts: str) -> None:
        """Leave each text in every place in which Prefect keeps what it is given."""
        self._run(FILL, json.dumps(texts))

    def read(self) -> Any:
        """Return what Prefect itself reads."""
        return json.loads(self._run(READ, "").splitlines()[-1])

    def _run(self, code: str, text: str) -> str:
        variables = {
            "HOME": str(self.folder),
            "PREFECT_HOME": str(self.folder),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self.database}",
            "PATH": os.environ["PATH"],
        }
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            input=text,
            env=variables,
            text=True,
            check=False,
            capture_output=True,
        )
        assert answer.returncode == 0, answer.stderr[-2_000:]
        return answer.stdout
