"""A program of the same account that exchanges files for lax ones and back, as fast as it can.

    python swapper.py <checkout> <use case> <with data: 0 or 1> <file for the count>

It works while a run folder is there: the worker has read the honest files by then, and the stage
has not. Each exchange is complete: when the program is terminated, everything lies where it lay.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

RELAXED_POLICY = "package portcullis.clearance\nimport rego.v1\nrefusals := set()\n"


class Swapper:
    """Exchanges by writing in place, by renaming files, and by renaming folders."""

    def __init__(self, checkout: Path, case: str, *, has_data: bool) -> None:
        self.checkout = checkout
        self.data = checkout / "data"
        self.configuration = checkout / "configs" / case
        self.has_data = has_data
        self.case = case
        self.is_asked_to_end = False
        self.swaps = 0
        self.lax = dict(self._lax_files())
        self._lax_folder = self.configuration.with_name(f"{case}_lax")

    def _lax_files(self) -> Iterator[tuple[Path, bytes]]:
        limits = re.compile(r"(auc|disparate_impact): [\d.]+")
        for name in ("case.yaml", "resolved.yaml"):
            path = self.configuration / name
            yield path, limits.sub(r"\1: 0.5", path.read_text()).encode()
        yield self.configuration / "suite.yaml", b"name: tiny\nexpectations: []\n"
        policy = self.checkout / "configs" / "policy" / "clearance.rego"
        yield policy, RELAXED_POLICY.encode()
        source = self.checkout / "tasks" / "gates" / "limits.py"
        text = source.read_text()
        judged = "Outcome.PASS if is_met(sign, value, limit) else Outcome.FAIL"
        assert judged in text
        yield source, text.replace(judged, "Outcome.PASS").encode()

    def run(self) -> None:
        """Exchange until somebody asks for an end."""
        while not self.is_asked_to_end:
            if not any(self.data.glob(".run-*")):
                time.sleep(0.001)
                continue
            for path, lax in self.lax.items():
                self._write_in_place(path, lax)
                self._rename_file(path, lax)
            self._rename_folder(self.configuration)
            if self.has_data:
                self._exchange_data()

    def _write_in_place(self, path: Path, lax: bytes) -> None:
        before = path.stat()
        honest = path.read_bytes()
        for content in (lax, honest):
            with path.open("r+b") as stream:
                stream.write(content)
                stream.truncate()
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.swaps += 1

    def _rename_file(self, path: Path, lax: bytes) -> None:
        aside = path.with_name(f".{path.name}.aside")
        other = path.with_name(f".{path.name}.lax")
        other.write_bytes(lax)
        path.rename(aside)
        other.rename(path)
        path.rename(other)
        aside.rename(path)
        other.unlink()
        self.swaps += 1

    def _rename_folder(self, folder: Path) -> None:
        aside = folder.with_name(f".{folder.name}.aside")
        other = folder.with_name(f".{folder.name}.lax")
        shutil.copytree(folder, other)
        for path, lax in self.lax.items():
            if path.parent == folder:
                (other / path.name).write_bytes(lax)
        folder.rename(aside)
        other.rename(folder)
        folder.rename(other)
        aside.rename(folder)
        shutil.rmtree(other)
        self.swaps += 1

    def _exchange_data(self) -> None:
        """Make failed verdicts pass for a moment, and exchange the folder that they lie in."""
        for path in sorted((self.data / self.case).glob("*/verdict.json")):
            verdict = json.loads(path.read_text())
            for check in verdict["checks"]:
                check["outcome"] = "pass"
            with contextlib.suppress(FileNotFoundError):
                self._write_in_place(path, json.dumps(verdict).encode())

        folder = self.data / self.case
        aside = folder.with_name(f".{self.case}.aside")
        folder.rename(aside)
        aside.rename(folder)
        self.swaps += 1


def main() -> None:
    """Exchange until SIGTERM, then write down how often."""
    checkout, case, has_data, count = sys.argv[1:]
    swapper = Swapper(Path(checkout), case, has_data=has_data == "1")

    def end(*_: object) -> None:
        swapper.is_asked_to_end = True

    signal.signal(signal.SIGTERM, end)
    Path(count).write_text("0")
    try:
        swapper.run()
    finally:
        Path(count).write_text(str(swapper.swaps))


if __name__ == "__main__":
    main()
