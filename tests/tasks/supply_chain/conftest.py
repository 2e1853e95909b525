"""A checkout with one package locked and installed."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.gates.outcome import Outcome
from tasks.supply_chain.declaring import SupplyChain
from tasks.supply_chain.scanning import Scan, scan

TODAY = date(2026, 11, 28)


@dataclass
class Shipped:
    """A checkout and its environment."""

    root: Path
    site: Path
    values: dict[str, Any]

    def scan(self, **changes: Any) -> Scan:
        declared = SupplyChain.model_validate(self.values | changes)
        return scan(declared, self.root, TODAY, (str(self.site),))

    def outcome(self, check: str, **changes: Any) -> tuple[Outcome, tuple[str, ...]]:
        (found,) = [each for each in self.scan(**changes).checks if each.id == check]
        return found.outcome, found.lines

    def install(self, name: str, version: str = "1.0", licence: str = "MIT") -> None:
        install(self.site, name, version, licence)


def install(site: Path, name: str, version: str, licence: str) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
    files = {
        site / f"{name}.py": f"NAME = {name!r}\n",
        info / "METADATA": metadata + (f"License-Expression: {licence}\n" if licence else ""),
    }
    lines = []
    for path, text in files.items():
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{path.relative_to(site)},sha256={digest.decode()},{len(text)}")
    lines.append(f"{info.name}/RECORD,,")
    (info / "RECORD").write_text("\n".join(lines) + "\n")


def locked(name: str, version: str = "1.0", marker: str = "") -> str:
    return f"{name}=={version}{marker} \\\n    --hash=sha256:{'5a' * 32}\n    # via other\n"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "shipped.lock").write_text("--only-binary :all:\n\n" + locked("alpha"))
    (tmp_path / "tools.lock").write_text(locked("tool"))
    values: dict[str, Any] = {
        "locks": ["shipped.lock"],
        "tool_locks": ["tools.lock"],
        "database": {"kind": "none", "reason": "a test"},
        "allowed_severities": ["low"],
        "licences": {"allowed": ["MIT", "BSD-2-Clause", "BSD-3-Clause"]},
    }
    made = Shipped(tmp_path, tmp_path / "site-packages", values)
    made.install("alpha")
    return made
