"""OpenBao, in which the stack's secrets lie, with its data in a folder.

It keeps what it holds encrypted. The key that opens it lies beside its data, for this account
alone: on one machine nobody else is there to open it after a restart. Whoever reads that folder
has all that is in it; in production a key management service opens it (docs/secrets.md).
A token of root is made at each start for setting up, and revoked right after.
"""

import base64
import json
from pathlib import Path
from typing import Any

from flows.serving.ports import HOST, find_free_port
from flows.stack.programs import find_program
from flows.stack.server_process import (
    ServerProcess,
    StackServer,
    own_folder,
    plain_environment,
)
from tasks.errors import ServiceError
from tasks.formats.whole_file import write_whole
from tasks.system.bao import BaoServer, DeniedError, ask_bao

ANSWER_SECONDS = 10
NODE = "stack"
# `/sys/health` answers by its status alone: 501 not initialised, 503 sealed, 429 and more on other
# nodes.
ACTIVE = 200  # of its health: initialised, open, and the node that serves
NONE = 0


class OpenBaoServer(StackServer):
    """A server whose data outlive it.

    Attributes:
        server: Where it is, as clients take it.
        log: Its own messages.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = own_folder(folder)
        self._data = own_folder(folder / "data")

        port = find_free_port()
        self.server = BaoServer(f"http://{HOST}:{port}")
        self.log = log

        configuration = folder / "server.json"
        configuration.write_text(json.dumps(self._configuration(port), indent=2) + "\n")

        program = find_program("bao")
        assert program is not None

        self._process = ServerProcess(
            name="OpenBao",
            command=[program, "server", f"-config={configuration}"],
            log=log,
            environment=plain_environment(self._folder),
            folder=self._folder,
        )

    @property
    def key_file(self) -> Path:
        """What holds the key that opens it."""
        return self._folder / "unseal.key"

    def wait(self) -> None:
        """Wait until it answers, and open it; at the first start, make its key.

        Raises:
            ServiceError: It does not answer, or the key of its data is not there.
        """
        super().wait()

        if not self._ask("sys/init")["initialized"]:
            # One share of one: on one machine there are no several people to hold them.
            answer = self._ask("sys/init", {"secret_shares": 1, "secret_threshold": 1})
            # At once, and on the disk: OpenBao says this key a single time.
            write_own(self.key_file, str(answer["keys_base64"][0]))

        # Raft elects its only node a moment after the seal is open; until then nothing is written.
        self._ask("sys/unseal", {"key": self._key})
        self._process.wait_until(lambda: self._status() == ACTIVE)

    def root_token(self) -> str:
        """Return a new token that may do everything, by the key; whoever takes it revokes it."""
        attempt = self._ask("sys/generate-root/attempt", {})
        answer = self._ask(
            "sys/generate-root/update", {"key": self._key, "nonce": attempt["nonce"]}
        )

        # It answers with the token masked by the one-time password of this attempt.
        # Base64 without its padding, as OpenBao gives it.
        encoded = str(answer["encoded_token"])
        masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
        password = str(attempt["otp"]).encode()
        return bytes(a ^ b for a, b in zip(masked, password, strict=True)).decode()

    def revoke(self, token: str) -> None:
        """End a token, and all that was made under it."""
        self._ask("auth/token/revoke-self", {}, token)

    def _answers(self) -> bool:
        return self._status() != NONE

    @property
    def _key(self) -> str:
        try:
            return self.key_file.read_text(encoding="ascii")
        except FileNotFoundError:
            raise ServiceError(
                str(self.key_file),
                expected="the key that opens OpenBao's data",
                found="none",
                remedy=f"Put it back. Without it nobody reads {self._folder}: delete that folder, "
                "and the stack makes another; keys that signed are lost with it.",
            ) from None

    def _configuration(self, port: int) -> dict[str, Any]:
        cluster = find_free_port()
        listener = {
            "address": f"{HOST}:{port}",
            "cluster_address": f"{HOST}:{cluster}",
            "tls_disable": True,  # it never leaves this machine
            # By the key alone: the stack keeps no token of root.
            "disable_unauthed_generate_root_endpoints": False,
        }

        return {
            "storage": {
                # 1: elections as fast as Raft has them. The default allows for slow networks
                # between nodes.
                "raft": {"path": str(self._data), "node_id": NODE, "performance_multiplier": 1}
            },
            "listener": [{"tcp": listener}],
            "api_addr": f"http://{HOST}:{port}",
            "cluster_addr": f"https://{HOST}:{cluster}",
        }

    def _status(self) -> int:
        """Return the HTTP status of its health, which says its state; `NONE` while it is away."""
        import httpx

        try:
            return httpx.get(f"{self.server.address}/v1/sys/health", timeout=2).status_code
        except httpx.TransportError:
            return NONE

    def _ask(
        self, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> dict[str, Any]:
        try:
            return ask_bao(
                self.server, token, path, body, seconds=ANSWER_SECONDS,
                remedy=f"Its own messages are in {self.log}.",
            )  # fmt: skip

        except DeniedError as error:
            raise ServiceError(
                f"OpenBao, {path}",
                expected="that it can be opened and set up",
                found=f"HTTP {error.status}",
                remedy=f"Its own messages are in {self.log}.",
            ) from None


def write_own(path: Path, text: str) -> None:
    """Write a file that this account alone reads, whole and on the disk, or not at all."""
    write_whole(path, text.encode("ascii"), mode=0o600)
