"""An object behind a URL is known by its server's marks or by its bytes.

A silent server is no answer.
"""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tasks.errors import ServiceError, SourceError
from tasks.stages.admit.fingerprint import fingerprint
from tests.installations import settings_now
from tests.tasks.stages.admit.declared import file_source


def test_an_object_behind_a_url_is_known_by_its_server_s_marks_or_by_its_bytes() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bank/delivery.csv", b"a\n1\n")
    before = fingerprint("bank", file_source("memory://bank/delivery.csv"), settings_now())
    assert fingerprint("bank", file_source("memory://bank/delivery.csv"), settings_now()) == before
    memory.pipe("/bank/delivery.csv", b"a\n2\n")
    assert fingerprint("bank", file_source("memory://bank/delivery.csv"), settings_now()) != before
    memory.rm("/bank/delivery.csv")
    with pytest.raises(SourceError, match="none"):
        fingerprint("bank", file_source("memory://bank/delivery.csv"), settings_now())


def test_an_unknown_file_system_is_a_line_not_a_crash() -> None:
    with pytest.raises((SourceError, ServiceError), match="source `bank`"):
        fingerprint("bank", file_source("nonsense://bucket/x.csv"), settings_now())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.integration
def test_a_web_server_is_asked_and_a_silent_one_is_a_service_error_without_the_signature(
    web: tuple[str, Path],
) -> None:
    url, folder = web
    (folder / "x.csv").write_text("a\n1\n")
    before = fingerprint("bank", file_source(f"{url}/x.csv"), settings_now())
    (folder / "x.csv").write_text("a\n2\n")
    assert fingerprint("bank", file_source(f"{url}/x.csv"), settings_now()) != before
    with pytest.raises(SourceError, match="none"):
        fingerprint("bank", file_source(f"{url}/y.csv"), settings_now())
    with pytest.raises(ServiceError) as refusal:
        fingerprint(
            "bank", file_source("http://127.0.0.1:9/x.csv?signature=hunter2"), settings_now()
        )
    assert "hunter2" not in str(refusal.value)
