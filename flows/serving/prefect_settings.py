"""Whether Prefect accepts its own settings, asked where its import is paid for anyway."""

from pydantic import ValidationError

from tasks.errors import ConfigError


def check_prefect_settings() -> None:
    """Refuse settings that Prefect would end with a traceback about.

    Raises:
        ConfigError: It names the first that is wrong, by Prefect's name of it, and no value.
    """
    try:
        from prefect.settings import get_current_settings

        get_current_settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"][:2])
        raise ConfigError(
            "Prefect's settings (PREFECT_… variables, or profiles.toml in PREFECT_HOME)",
            expected="values that Prefect accepts",
            found=f"another in its {error.title}, {name} ({first['type']})",
            remedy="Mend or unset it; `env | grep PREFECT_` shows which there are.",
        ) from error
