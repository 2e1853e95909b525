"""A setting that Prefect does not accept is one error that names it, and shows no value."""

import pytest
from prefect import settings
from pydantic import BaseModel

from flows.serving.prefect_settings import check_prefect_settings
from tasks.errors import ConfigError


class LoggingLevels(BaseModel):
    """Stands for one of Prefect's groups of settings."""

    level: int


def test_settings_of_this_process_are_accepted() -> None:
    check_prefect_settings()


def test_one_that_is_not_accepted_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        settings, "get_current_settings", lambda: LoggingLevels.model_validate({"level": "secret"})
    )
    with pytest.raises(ConfigError, match=r"LoggingLevels, level \(int_parsing\)") as refused:
        check_prefect_settings()
    assert "secret" not in str(refused.value)
