"""The provider's program is laid down whole or not at all, and npm keeps nobody waiting."""

from pathlib import Path

import pytest

from flows.stack import identity
from flows.stack.identity import install_provider
from tasks.errors import ServiceError


@pytest.mark.parametrize(
    ("script", "found"), [("exec sleep 60", "no end within 1 s"), ("exit 7", "exit 7")]
)
def test_an_npm_that_does_not_install_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: str
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    monkeypatch.setattr(identity, "INSTALL_SECONDS", 1.0)

    with pytest.raises(ServiceError, match=found) as error:
        install_provider(tmp_path / "program")
    assert "npm ping" in str(error.value)
    assert not (tmp_path / "program").exists()
