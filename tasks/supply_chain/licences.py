"""Which licence a package is under, in SPDX, and whether it is allowed.

What a package says in its metadata counts. Where that may mean one of several (`BSD License`, two
classifiers), all of them have to be allowed. What is in no list is unknown, and not allowed.
"""

from email.message import Message
from functools import lru_cache
from importlib.metadata import Distribution

from license_expression import (
    AND,
    OR,
    ExpressionError,
    LicenseWithExceptionSymbol,
    Renderable,
    get_spdx_licensing,
)

from tasks.supply_chain.declaring import Licences
from tasks.supply_chain.installed import read_fields

# Built once: it reads the whole list of SPDX.
SPDX = get_spdx_licensing()
PREFIX = "License :: OSI Approved :: "
# What classifiers mean, at the most.
CLASSIFIERS = {
    "BSD License": "BSD-2-Clause AND BSD-3-Clause",
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}
# The whole text of the old field, in lower case.
SPELLINGS = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "mit license": "MIT",
    "isc license": "ISC",
    "new bsd": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "psfl": "PSF-2.0",
}


def licence_of(distribution: Distribution, name: str, licences: Licences) -> Renderable | None:
    """Return the licence as an SPDX expression; nothing where it is not known."""
    fields = read_fields(distribution)
    if (expression := _field(fields, "License-Expression")) is not None:
        return parse_licence(expression)  # the package's own word is never overridden

    # What a person has looked up counts for that version: the next may have another licence.
    stated = licences.stated.get(name)
    if stated is not None and stated.version == _field(fields, "Version"):
        return parse_licence(stated.expression)

    text = " ".join((_field(fields, "License") or "").split())
    if (licence := parse_licence(SPELLINGS.get(text.lower(), text))) is not None:
        return licence

    names = {
        value.removeprefix(PREFIX)
        for value in fields.get_all("Classifier", [])
        if value.startswith(PREFIX)
    }

    # One that is not in the table may be any: what is not known is not left out.
    if not names <= CLASSIFIERS.keys():
        return None

    return parse_licence(" AND ".join(sorted(CLASSIFIERS[value] for value in names)))


def _field(fields: Message, name: str) -> str | None:
    values = fields.get_all(name, [])
    return str(values[0]) if values else None


@lru_cache(maxsize=512)  # three hundred packages have some forty licences among them
def parse_licence(text: str) -> Renderable | None:
    """Return an SPDX expression; nothing where a text is none."""
    try:
        return SPDX.parse(text, validate=True)
    except ExpressionError:
        return None


def is_allowed(licence: Renderable, allowed: frozenset[str]) -> bool:
    """Say whether it may be shipped: all of an AND, one of an OR, an exception as it is written."""
    if isinstance(licence, AND):
        return all(is_allowed(part, allowed) for part in licence.args)
    if isinstance(licence, OR):
        return any(is_allowed(part, allowed) for part in licence.args)
    if isinstance(licence, LicenseWithExceptionSymbol):
        return licence.render("{symbol.key}") in allowed
    return licence.key in allowed
