"""Columns whose kind is declared: pseudonymised, generalised or dropped, by role and kind.

Nothing is guessed here: what a column looks like never changes what becomes of it.
"""

import ipaddress
import re
from pathlib import Path

import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.errors import ConfigError
from tasks.keystore.pseudonyms import pseudonyms
from tasks.redaction.columns import hipaa
from tasks.redaction.params import RedactParams

KEPT_ROLES = (Role.FEATURE, Role.PROTECTED, Role.TARGET)
# bits of an address that stay: what a provider gives to one customer at least
IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
# an IPv4 address as nearly all are written, and what its /24 begins with
OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
PLAIN_IPV4 = re.compile(rf"({OCTET}\.{OCTET}\.{OCTET})\.{OCTET}")


def redact_structured(
    rows: pd.DataFrame, columns: Columns, params: RedactParams, secret: bytes
) -> pd.DataFrame:
    """Return what may stay of the structured columns, with `subject` and `person` first.

    Features, protected attributes and the target stay as they are; quasi-identifiers are made
    coarser; the identifiers that `params.tokenised` names become pseudonyms. Other identifiers, the
    subject column and free texts are left out.

    Raises:
        ConfigError: `params.tokenised` names what is no identifier, or there is no rule how a
            quasi-identifier of its kind is made coarser.
    """
    unknown = set(params.tokenised) - set(columns.named(Role.IDENTIFIER))
    if unknown:
        raise ConfigError(
            "redact.tokenised",
            expected="columns with role `identifier`",
            found=", ".join(sorted(unknown)),
            remedy="Mend the list.",
        )

    result = {"subject": rows["subject"], "person": rows["person"]}
    for name, column in columns.root.items():
        if column.role in KEPT_ROLES:
            result[name] = rows[name]
        elif column.role is Role.QUASI:
            result[name] = _generalise(name, column.kind, rows[name], params)
        elif name in params.tokenised:
            result[name] = pseudonyms(secret, rows[name])
    return pd.DataFrame(result)


def _generalise(
    name: str, kind: str, values: "pd.Series[str]", params: RedactParams
) -> "pd.Series[str]":
    """Return a quasi-identifier made coarser by its kind."""
    if kind == "ip":
        return coarse_networks(values)
    if kind == "date":
        return coarse_dates(values, params.dates)
    if kind == "age":
        return hipaa.coarse_ages(values)
    if kind == "zip":
        return hipaa.coarse_zips(values, _load_small_areas(name, params))

    raise ConfigError(
        f"column `{name}`",
        expected="a quasi-identifier of kind `ip`, `date`, `age` or `zip`",
        found=kind,
        remedy="Give it another role, or add a rule how it is made coarser.",
    )


def _load_small_areas(name: str, params: RedactParams) -> hipaa.SmallAreas:
    if params.small_zip_areas is None:
        raise ConfigError(
            f"column `{name}`",
            expected="`redact.small_zip_areas`, a list with its source, for a column of kind `zip`",
            found="none",
            remedy="Name configs/recognisers/hipaa/zip3.yaml, or a newer list of your own.",
        )
    return hipaa.load_small_areas(Path(params.small_zip_areas))


def coarse_networks(values: "pd.Series[str]") -> "pd.Series[str]":
    """Return the networks that addresses lie in; what is no address is withheld (missing)."""
    networks = {value: _network_of(value) for value in values.dropna().unique()}
    return values.map(networks).astype("str")


def coarse_dates(values: "pd.Series[str]", to: str) -> "pd.Series[str]":
    """Return ISO 8601 dates as years or months (`to`); what is no date is withheld (missing).

    Of a date with a time it is the day that is written, wherever its zone is.
    """
    # Without the times: pandas takes no two zones in one column, such as summer and winter time,
    # and with nanoseconds in any row no days after 2262 in all of them.
    days = values.astype("str").str.replace(r"[T ].*", "", regex=True)
    dates = pd.to_datetime(days, errors="coerce", format="ISO8601")
    return dates.dt.strftime("%Y" if to == "year" else "%Y-%m").astype("str")


def _network_of(value: str) -> str | None:
    """Return the /24 (IPv6: /48) that an address lies in; None: it is no address."""
    # `ipaddress` makes five objects of an address; it is asked about what is written otherwise
    if match := PLAIN_IPV4.fullmatch(value):
        return f"{match.group(1)}.0/{IPV4_PREFIX_BITS}"
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    bits = IPV4_PREFIX_BITS if address.version == 4 else IPV6_PREFIX_BITS
    return str(ipaddress.ip_network((address, bits), strict=False))
