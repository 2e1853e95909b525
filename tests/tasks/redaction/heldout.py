"""Texts that nobody tuned to: other trades, templates and names than the shipped samples.

People are of many countries. `[field]` is personal data of the row's own person, `[other.field]` of
somebody else; both are planted, the rest is not.
"""

import random
import re
import string
from dataclasses import dataclass
from typing import Any

from faker import Faker

LOCALES = (
    "en_US",
    "en_GB",
    "en_IN",
    "de_DE",
    "es_MX",
    "fr_FR",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_BR",
    "en_NG",
    "sv_SE",
)
TEMPLATES = (
    "Patient [name] presented with chest pain. Emergency contact is [other.name] on [other.phone].",
    "Triage: [upper], seen by Dr [other.last] after a fall at home, [street].",
    "Ticket 4411: user [email] cannot log in. Tried twice from [ip]. Escalated to [other.name].",
    "[last], [first] - refund of the card [card] was refused; wrote to [email].",
    "Hi team, this is [name]. My number changed to [dotted], please update. Thanks, [first]",
    "Interview notes. [initial] [last] worked under [other.name] for six years; "
    "reference at [other.email].",
    "Adjuster met Mr. [last] at [street], [city]. The neighbour, Mrs. [other.last], "
    "saw the accident.",
    "Claimant's SSN [ssn] was checked twice. Call back [spaced] before noon.",
    "customer [lower] asks for a copy of the policy; send it to [email_at].",
    "Spoke with [first]'s brother [other.name]. He can be reached at [other.phone] "
    "or [other.email].",
    "Transfer from [iban] bounced. Account holder [name] will call [other.first] "
    "[other.last] at the branch.",
    "Lab results for [name], born [born], were sent to Dr. [other.name] by courier.",
    "The van of [other.name] blocked the gate; [last] complained from [phone].",
    "RE: complaint of [first] [last] -- the driver, [other.last], [other.first], "
    "denies everything.",
    "Delivery left with [other.name] next door to [street]. Signed for [last].",
    "Audit log: password reset for [email] from [ip], approved by [other.email].",
    "[name] moved to [city] last spring and wants the letters sent there.",
    "Nurse [other.last] noted that [first] had not eaten. Mother: [other.name], "
    "phone [other.spaced].",
    "Contract signed by [name] and witnessed by [other.name] in [other.city].",
    "Please remove [email] from the list; [first] asked for it on the phone ([phone]).",
    "Account ending [last4] belongs to [name]; the direct debit failed on Monday.",
    "The technician [other.name] visited [street] and replaced the meter.",
    "[first] [last] <[email]> wrote: I never received the parcel.",
    "Beneficiary changed from [other.name] to the estate of [name]. See [other.email].",
)
PLAIN = (
    "The follow-up is planned in three weeks and no charge applies.",
    "Two of the five invoices over $1,250.00 are still open.",
    "She reports 36 months at 6.2 percent interest.",
    "Blood pressure was 120 over 80 and the temperature normal.",
    "Nothing else was found in the archive.",
    "The engine had run for 84,000 miles before it failed.",
    "A second opinion was recommended but not obtained yet.",
    "Payment terms are net 30 with a discount of 2 percent.",
)
TYPES = {
    "email": "EMAIL_ADDRESS",
    "email_at": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "dotted": "PHONE_NUMBER",
    "spaced": "PHONE_NUMBER",
    "ssn": "US_SSN",
    "street": "LOCATION",
    "city": "LOCATION",
    "card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "ip": "IP_ADDRESS",
    "born": "DATE_TIME",
    "last4": "US_BANK_NUMBER",
}
FIELD = re.compile(r"\[(other\.)?(\w+)\]")


@dataclass(frozen=True)
class Row:
    """One row: what its columns say, its text, and what was planted in it."""

    person: dict[str, str]
    text: str
    planted: tuple[dict[str, Any], ...]


def rows(count: int, seed: int = 20270101) -> list[Row]:
    """Return rows with texts; the same for the same seed."""
    rng = random.Random(seed)
    fakers = {}
    for number, locale in enumerate(LOCALES):
        fakers[locale] = Faker(locale)
        fakers[locale].seed_instance(seed + number)
    made = [_person(fakers[rng.choice(LOCALES)], rng) for _ in range(2 * count)]
    return [_row(made[2 * i], made[2 * i + 1], rng) for i in range(count)]


def _person(faker: Faker, rng: random.Random) -> dict[str, str]:
    first = re.sub(r"\s.*", "", faker.first_name())
    last = faker.last_name()
    area, exchange, line = (
        rng.randrange(201, 990),
        rng.randrange(201, 999),
        rng.randrange(1000, 9999),
    )
    if area % 100 == 11:
        area += 1
    number = f"{area}{exchange}{line}"
    local = "".join(
        char for char in f"{first[0]}.{last}".lower() if char in string.ascii_lowercase + "."
    ).strip(".")
    domains = ("mailbox", "posteo", "example", "company")
    email = f"{local or 'user'}{rng.randrange(10, 99)}@{rng.choice(domains)}."
    email += rng.choice(("org", "com", "net", "co.uk", "de"))
    account = f"{rng.randrange(10**9, 10**10)}"
    return {
        "first": first,
        "last": last,
        "name": f"{first} {last}",
        "upper": f"{first} {last}".upper(),
        "lower": f"{first} {last}".lower(),
        "initial": f"{first[0]}.",
        "email": email,
        "email_at": email.replace("@", " at ").replace(".", " dot "),
        "phone": f"({number[:3]}) {number[3:6]}-{number[6:]}",
        "dotted": f"{number[:3]}.{number[3:6]}.{number[6:]}",
        "spaced": f"{number[:3]} {number[3:6]} {number[6:]}",
        "ssn": f"{rng.randrange(101, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}",
        "street": (
            f"{rng.randrange(2, 990)} {last if rng.random() < 0.3 else faker.last_name()} "
            f"{rng.choice(STREETS)}"
        ),
        "city": faker.city(),
        "card": _card(rng),
        "iban": faker.iban() if hasattr(faker, "iban") else Faker("de_DE").iban(),
        "ip": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
        "born": f"{rng.randrange(1940, 2005)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "account": account,
        "last4": account[-4:],
    }


STREETS = ("Street", "Avenue", "Road", "Lane", "Court", "Drive", "Close", "Crescent")


def _card(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::2]]
    check = -(sum(doubled) + sum(digits[1::2])) % 10
    number = "".join(map(str, [*digits, check]))
    return rng.choice((number, " ".join(number[i : i + 4] for i in range(0, 16, 4))))


def _row(me: dict[str, str], other: dict[str, str], rng: random.Random) -> Row:
    sentences = [rng.choice(TEMPLATES), rng.choice(PLAIN), rng.choice(TEMPLATES), rng.choice(PLAIN)]
    text, planted = "", []
    for sentence in sentences[: rng.randrange(2, 5)]:
        text += " " if text else ""
        at = 0
        for match in FIELD.finditer(sentence):
            text += sentence[at : match.start()]
            value = (other if match[1] else me)[match[2]]
            kind, owner = TYPES.get(match[2], "PERSON"), "other" if match[1] else "self"
            planted.append(
                {"start": len(text), "end": len(text) + len(value), "type": kind, "owner": owner}
            )
            text += value
            at = match.end()
        text += sentence[at:]
    columns = ("name", "email", "phone", "ssn", "account", "street", "city", "ip")
    return Row({**{name: me[name] for name in columns}, "date": me["born"]}, text, tuple(planted))
