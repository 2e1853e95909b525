"""The release bucket's S3 server, SeaweedFS, of which nothing answers but S3 with credentials."""

import errno
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.serving.ports import HOST, find_free_port
from flows.stack.programs import find_program
from flows.stack.server_process import ServerProcess, StackServer, own_folder
from tasks.registry_bucket.preparing import policy_of, prepare_bucket
from tasks.registry_bucket.seaweed import (
    OWNER_MAY,
    PORTS,
    READER_MAY,
    WRITER_MAY,
    S3Account,
    remove_accounts,
    server_command,
    server_environment,
    write_accounts,
    write_configuration,
)

BUCKET = "releases"
# Of a stack to try things with. In production the setting has no default (ADR 95).
KEEP_DAYS = 30
REGION = "us-east-1"
WORKER = "worker"
# An error is an answer here: `wait` asks again by itself, and a test wants the first one.
ATTEMPTS = 1
SOCKETS = Path("/tmp")  # where SeaweedFS makes it
DEAD_SOCKETS = "seaweedfs-*.sock"


class BucketServer(StackServer):
    """An S3 server with one bucket, in which the worker writes each model once.

    Attributes:
        endpoint: Its address.
        worker: Who may write.
        reader: Who may read; MLflow serves as this one.
    """

    def __init__(self, folder: Path, log: Path, *, workspace: Path) -> None:
        self._folder = own_folder(folder)
        self._workspace = workspace
        # New keys at each start: those of an earlier one open nothing.
        self.worker = S3Account.new(WORKER, WRITER_MAY)
        self.reader = S3Account.new("reader", READER_MAY)
        self._owner = S3Account.new("owner", OWNER_MAY)

        # Everything but S3 is shut; each inner server still wants a port of its own (ADR 95).
        self._ports = {name: find_free_port() for name in PORTS}
        self.endpoint = f"http://{HOST}:{self._ports['s3']}"

        program = find_program("weed")
        assert program is not None
        self._process = ServerProcess(
            name="SeaweedFS",
            command=server_command(program, self._folder, self._ports),
            log=log,
            environment=server_environment(self._folder),
            folder=self._folder,
            ends_by=signal.SIGTERM,
        )

    def stop(self) -> None:
        """End it; what is in the bucket stays."""
        super().stop()
        remove_dead_sockets()

    def start(self) -> None:
        """Start it; the bucket's owner is among its accounts until `wait` has made the bucket."""
        remove_dead_sockets()
        # The owner makes the bucket, once. At every other start nobody is an administrator (ADR
        # 97).
        owners = [] if self._stamp.exists() else [self._owner]
        write_configuration(self._folder, [*owners, self.worker, self.reader])
        self._process.start()

    def wait(self) -> None:
        """Wait until it answers; at the first start, make the bucket and let its owner go.

        The bucket's policy takes the right to change it from everybody, its owner too: it is made
        once.

        Raises:
            ServiceError: It does not answer.
        """
        super().wait()

        if not self._stamp.exists():
            policy = policy_of(BUCKET, WORKER, self._workspace)
            self._process.wait_until(lambda: self._is_prepared(policy))

            # Anew, without its owner: not all that an administrator does is held to the policy.
            # Whole, and noted on the disk, before it serves without its owner: a start that is
            # killed before this line begins anew, with the owner.
            self._process.stop()
            self._stamp.touch(mode=0o600)
            write_accounts(self._folder, [self.worker, self.reader])
            self._process.start()

            super().wait()

        # It has read them: no file needs to hold the keys while it runs.
        remove_accounts(self._folder)

    @property
    def _stamp(self) -> Path:
        return self._folder / "bucket-is-made"

    def keys_of(self, account: S3Account) -> dict[str, str]:
        """Return the keys of an account, as boto3 names them."""
        return {
            "AWS_ACCESS_KEY_ID": account.access_key,
            "AWS_SECRET_ACCESS_KEY": account.secret_key,
        }

    def place_environment(self) -> dict[str, str]:
        """Return where the bucket is."""
        return {"AWS_DEFAULT_REGION": REGION, "MLFLOW_S3_ENDPOINT_URL": self.endpoint}

    def release_environment(self) -> dict[str, str]:
        """Return what the worker needs that releases into the bucket, besides its keys."""
        return {
            **self.place_environment(),
            "PORTCULLIS_RELEASE_BUCKET": f"s3://{BUCKET}",
            "PORTCULLIS_RELEASE_BUCKET_DAYS": str(KEEP_DAYS),
            "PORTCULLIS_RELEASE_BUCKET_ENDPOINT": self.endpoint,
        }

    def client(self, account: S3Account) -> Any:
        """Return botocore's client as an account."""
        import botocore.session
        from botocore.config import Config

        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=account.access_key,
            aws_secret_access_key=account.secret_key,
            config=Config(retries={"max_attempts": ATTEMPTS}, s3={"addressing_style": "path"}),
        )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self._ports["s3"])) == 0

    def _is_prepared(self, policy: str) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        # Its ports answer before it has a volume to write to.
        try:
            prepare_bucket(self.client(self._owner), BUCKET, KEEP_DAYS, policy)
        except (ClientError, BotoCoreError):
            return False
        return True


def remove_dead_sockets(folder: Path = SOCKETS) -> None:
    """Remove this account's sockets of SeaweedFS at which nobody listens.

    It makes one at a place that no option changes, and leaves it there whatever ends it.
    """
    for path in folder.glob(DEAD_SOCKETS):
        with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
            # Everybody may write to `/tmp`: of somebody else's nothing is asked, and nothing
            # removed.
            if path.lstat().st_uid != os.getuid():
                continue
            # Refused by the kernel: nobody listens. Whatever else is answered, somebody may.
            if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()
