"""What a registry gave back is a packed model of ours by its names, before anything is read."""

from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.model.loading import SHIPPED_AS
from tasks.registry.loading import model_data_in
from tasks.registry.packing import BYTECODE


@pytest.mark.parametrize("content", [b"\xff", b"", b"bytecode"])
def test_a_marker_of_other_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    package = tmp_path / "code" / f"{SHIPPED_AS}x"
    package.mkdir(parents=True)
    (package / BYTECODE).write_bytes(content)
    (tmp_path / "data" / "model").mkdir(parents=True)
    (tmp_path / "data" / "model" / "contract.json").write_text("{}")
    with pytest.raises(EvidenceError, match="a file of another kind"):
        model_data_in(tmp_path)
