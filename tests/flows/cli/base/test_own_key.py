"""The key by which a person signs: named on the command line, or else by the environment."""

from pathlib import Path

import pytest

from flows.cli.base.own_key import KEY, load_own_key
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError
from tests.installations import installation_at


def test_the_named_file_signs_and_not_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = LocalSigner.make(tmp_path / "named.pem")
    other = LocalSigner.make(tmp_path / "other.pem")
    monkeypatch.setenv(KEY, str(tmp_path / "other.pem"))
    installation = installation_at(tmp_path)
    signer = load_own_key(tmp_path / "named.pem", installation)
    assert signer.public == named.public
    assert load_own_key(None, installation).public == other.public


@pytest.mark.parametrize("path", [None, Path("missing.pem")])
def test_without_a_key_it_says_what_to_do(
    path: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with pytest.raises(ConfigError) as refused:
        load_own_key(
            path, installation_at(tmp_path), alternative=", or --root", enrolment=" --role x"
        )
    assert refused.value.expected == f"--key FILE or ${KEY}, or --root"
    assert "`keys enrol --role x`" in refused.value.remedy


def test_a_key_that_others_can_read_signs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "named.pem"
    LocalSigner.make(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="only its owner can read"):
        load_own_key(path, installation_at(tmp_path))
