"""A receiver of alerts that checks signatures as Standard Webhooks has it."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
MOST_AGE_SECONDS = 300


class WebhookReceiver:
    """Keeps what it took; what is signed wrongly, too old or known is not taken."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.repeated = 0
        self.status = 204
        self._ids: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(dict(self.headers.items()), body))
                if receiver.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    @property
    def names(self) -> list[str]:
        """Which rules it was told of, in order."""
        return [item["data"]["finding_info"]["analytic"]["name"] for item in self.alerts]

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Return the status of one request."""
        if self.status >= 300:
            return self.status
        uid, moment = headers["Webhook-Id"], headers["Webhook-Timestamp"]
        signed = f"{uid}.{moment}.".encode() + body
        key = base64.b64decode(KEY.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        is_signed = hmac.compare_digest(expected, headers["Webhook-Signature"])
        if not is_signed or abs(time.time() - int(moment)) > MOST_AGE_SECONDS:
            self.refused.append(uid)
            return 401
        if uid in self._ids:
            self.repeated += 1
            return self.status
        self._ids.add(uid)
        self.alerts.append(json.loads(body))
        return self.status


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver."""
    receiver = WebhookReceiver()
    try:
        yield receiver
    finally:
        receiver.close()
