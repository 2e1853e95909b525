"""Loan officers' notes of 20 to 80 words, composed from clauses, with every planted identity marked as it is written.

A clause holds fields in braces: `{me.…}` is the applicant, `{she.…}` a third person, all others are neutral and must
survive redaction (amounts, months, ratios).
"""

import calendar
import json
import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

OPENERS = (
    "Met with {me.name} at the branch in {month} to go over the application.",
    "Spoke to {me.formal} by phone about the file.",
    "Applicant {me.last}, {me.first} came in without an appointment.",
    "Call with {me.first} ({me.phone}) regarding missing pages of the tax return.",
    "{me.name} e-mailed from {me.email} to ask where the application stands.",
    "File of {me.initial} {me.last} reviewed a second time in {month}.",
    "{me.upper} - purchase, owner occupied, {years} years fixed.",
    "Received the signed disclosure from {me.formal} this morning.",
    "Customer {me.lower} wants to lock the rate before {month}.",
    "Pre-approval interview held with {me.name}; identification was checked against SSN {me.ssn}.",
)
BODIES = (
    "Income of ${amount} a month was confirmed by {she.name} in payroll, reachable at {she.phone}.",
    "The spouse, {she.name}, will not be on the note.",
    "Gift letter over ${amount} signed by {she.formal}, who is an aunt.",
    "Landlord {she.name} reports {count} late payments in {years} years.",
    "Employer reference from {she.first} {she.last} <{she.email}> is on file.",
    "Reference: {she.last}, {she.first}, colleague since {month}.",
    "Obligations come to {percent} percent of income, above our guideline of 36 percent.",
    "Reserves cover {count} months of housing expense after closing.",
    "Savings statement shows ${amount} deposited in {month} without a paper trail.",
    "Old collection of ${amount} was paid off {years} years ago according to the bureau report.",
    "Has worked in the same trade for {years} years and changed employer once.",
    "Appraisal came in {percent} percent under the purchase price of ${amount}.",
    "Seller's agent {she.name} called twice to ask for a decision.",
    "Co-signer {she.formal} can be reached under {she.phone} after {count} pm.",
    "Self-employed; two years of returns show a falling profit.",
    "Down payment of {percent} percent comes from the sale of a condo.",
    "Asked for letters about {count} inquiries during the last quarter.",
    "Bankruptcy was discharged {years} years ago; credit has been clean since then.",
    "Attorney {she.name} ({she.email}) holds the deposit in escrow.",
    "Property is a two-family house; rent for the second unit is ${amount}.",
)
CLOSERS = (
    "Please send the decision to {me.street}, {me.city}.",
    "Will follow up with {me.first} next week.",
    "{me.formal} asked for a call back at {me.phone}.",
    "Account ending {me.last4} is to be debited for the appraisal fee.",
    "Recommend approval subject to verification of assets.",
    "Passed to underwriting; contact is {me.email}.",
    "Mailing address changed to {me.street}.",
    "No further conditions at this time.",
    "Waiting for {me.first}'s employer to return the form.",
    "Explained the appraisal fee; {me.last} agreed.",
)
MONTHS = tuple(calendar.month_name)[1:]
TITLES = ("Mr. ", "Ms. ")  # a title is written, but it is no personal data: gold spans begin behind it
TYPES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "ssn": "US_SSN",
    "street": "ADDRESS",
    "city": "ADDRESS",
    "last4": "ACCOUNT",
}
Segments = tuple[tuple[str, str | None], ...]


@cache
def _segments(clause: str) -> Segments:
    """Split a clause into (text, None) and (field, field name) parts."""
    parts = re.split(r"\{([^}]+)\}", clause)
    return tuple((part, part if index % 2 else None) for index, part in enumerate(parts) if part)


def notes(applicants: pd.DataFrame, others: pd.DataFrame, seed: int) -> tuple[list[str], list[str]]:
    """Return one note per applicant, and its gold spans as JSON: `[{"start", "end", "type", "owner"}]`.

    `others` are the third persons, one per applicant; owner is `self` or `other`.
    """
    rng = np.random.default_rng([seed, 99])
    rows = len(applicants)
    opener, closer = rng.integers(0, len(OPENERS), rows), rng.integers(0, len(CLOSERS), rows)
    order = np.argsort(rng.random((rows, len(BODIES))), axis=1)[:, :4]
    bodies = rng.integers(2, 5, rows)
    numbers = {
        "amount": [f"{n:,}" for n in rng.integers(3, 900, rows) * 50],
        "percent": [f"{n / 10:g}" for n in rng.integers(20, 480, rows)],
        "count": rng.integers(1, 9, rows).astype(str),
        "years": rng.integers(2, 30, rows).astype(str),
        "month": np.asarray(MONTHS, dtype=object)[rng.integers(0, 12, rows)],
    }
    forms = zip(_forms(applicants), _forms(others), strict=True)
    texts, golds = [], []
    for row, (mine, hers) in enumerate(forms):
        clauses = [OPENERS[opener[row]], *(BODIES[i] for i in order[row, : bodies[row]]), CLOSERS[closer[row]]]
        neutral = {name: values[row] for name, values in numbers.items()}
        text, gold = _compose(clauses, mine, hers, neutral)
        texts.append(text)
        golds.append(json.dumps(gold, separators=(",", ":")))
    return texts, golds


def _compose(
    clauses: list[str], mine: dict[str, str], hers: dict[str, str], neutral: dict[str, str]
) -> tuple[str, list[dict[str, Any]]]:
    text, gold = "", []
    for clause in clauses:
        text += " " if text else ""
        for part, field in _segments(clause):
            if field is None:
                text += part
                continue
            who, _, name = field.partition(".")
            value = neutral[field] if not name else (mine if who == "me" else hers)[name]
            if name:
                owner = "self" if who == "me" else "other"
                title = len(value) - len(value.removeprefix(TITLES[0]).removeprefix(TITLES[1]))
                gold.append(
                    {
                        "start": len(text) + title,
                        "end": len(text) + len(value),
                        "type": TYPES.get(name, "PERSON"),
                        "owner": owner,
                    }
                )
            text += value
    return text, gold


def _forms(people: pd.DataFrame) -> list[dict[str, str]]:
    """Return the forms in which each person is written."""
    frame = people[["first", "last", "name", "email", "phone", "ssn", "street", "city"]].copy()
    frame["formal"] = np.where(np.arange(len(frame)) % 2, *TITLES) + frame["last"]
    frame["initial"] = frame["first"].str[0] + "."
    frame["upper"] = frame["name"].str.upper()
    frame["lower"] = frame["name"].str.lower()
    frame["last4"] = people["account"].str[-4:]
    records: list[dict[str, str]] = frame.to_dict("records")
    return records
