"""Checks that a match has to pass, by the name that a recogniser's YAML gives.

So a recogniser needs no code of its own. Each check takes the matched text and says True (it is
one), False (it is none) or None (nothing speaks against it).

Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN), 21 CFR 1301 (DEA), ISO 3779 and 49 CFR 565 (VIN),
NHS data dictionary, BIP 13, 173 and 350 (Bitcoin), ABA key to routing numbers.
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from tasks.redaction.finding.patterns.national import NATIONAL
from tasks.redaction.finding.words import word_list

Validator = Callable[[str], bool | None]

NOT_DIGITS = re.compile(r"\D+")
NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
# words that stand between a number and "road" without being a street's name
SENTENCE_WORDS = word_list("sentence")
# those that Presidio's recogniser tries, and Canada
PHONE_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
GERMAN_REGIONS = ("DE", "AT", "CH")
FRENCH_REGIONS = ("FR", "BE", "CH", "LU")
SPANISH_REGIONS = ("ES", "MX", "AR", "CO", "CL")
# area code and exchange begin with 2 to 9 (North American Numbering Plan)
NORTH_AMERICAN = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}$")
EXTENSION = re.compile(r"\s?(?:x|ext).*", re.DOTALL)
NOT_AN_IDENTIFIER = re.compile(
    r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}"  # a date, year first
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)?\d{2}"  # year last
    r"|(?:19|20)\d{2}"  # a year
    r"|\d+(?:st|nd|rd|th|am|pm|k|m|kg|km|mg|ml|cm|mm|gb|mb)"  # a count or measure
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+[.,]\d{1,2}",  # an amount
    re.IGNORECASE,
)
OTHER_THAN_PHONE = re.compile(
    r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}"  # a date, year first
    r"|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}$"  # a date, year last
    r"|\d{3}-\d{2}-\d{4}$"  # a social security number
    r"|\d{5}-\d{4}$"  # ZIP+4
    r"|(?:19|20)\d{2}\s?[-/.]\s?(?:19|20)\d{2}$"  # years, from and to
    r"|\d\.\d+$"  # a decimal
)
SIGN = re.compile(r"[\W_]")
AT = re.compile(r"@|\sat\s|[(\[{<]\s?at", re.IGNORECASE)
END_OF_HOST = re.compile(r"[/:?#]")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
BECH32_CHECKS = (1, 0x2BC830A3)  # what an address leaves: Bech32 (BIP 173), Bech32m (BIP 350)
# 49 CFR 565.15(c), table III: I, O and Q are never used
VIN_VALUES = dict(
    zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)],
        strict=True,
    )
)
# by position; the ninth character is the check itself, and weighs nothing
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(text: str) -> list[int]:
    """Return the digits of `text`."""
    return [int(char) for char in text if char.isdigit()]


def luhn(text: str) -> bool:
    """Say whether it is a number of a payment card: 12 to 19 digits, the last checks the others.

    All digits the same pass the check, but are nobody's card.
    """
    numbers = digits(text)
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[-2::-2]]
    is_checked = (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0
    return is_checked and 12 <= len(numbers) <= 19 and len(set(numbers)) > 1


def mod97(text: str) -> bool:
    """Say whether an ISO 7064 mod 97-10 number (country first, as in an IBAN) checks."""
    characters = NOT_ALPHANUMERIC.sub("", text).upper()
    # the country and the check digits go last; a letter counts as 10 to 35
    number = "".join(str(int(char, 36)) for char in characters[4:] + characters[:4])
    return bool(number) and int(number) % 97 == 1


def verhoeff(text: str) -> bool:
    """Say whether the last digit is Verhoeff's check digit (Aadhaar)."""
    numbers = digits(text)
    permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(reversed(numbers)):
        for _ in range(place % 8):  # the permutation's order is 8
            digit = permutation[digit]
        check = _multiply_in_d5(check, digit)
    return check == 0 and bool(numbers)


def _multiply_in_d5(a: int, b: int) -> int:
    """Return a * b in the symmetry group of the pentagon, in Verhoeff's numbering.

    0 to 4 are rotations, 5 to 9 reflections.
    """
    turned = (a + b if a < 5 else a - b) % 5
    return turned if (a < 5) == (b < 5) else 5 + turned


def mod11(text: str) -> bool:
    """Say whether the last digit makes the weighted sum a multiple of 11.

    Weights are 1, 2, 3, … from the right, so 1 for the check digit itself.
    """
    numbers = digits(text)
    total = sum(weight * number for weight, number in enumerate(reversed(numbers), 1))
    return len(numbers) > 1 and total % 11 == 0


def iban(text: str) -> bool:
    """Say whether it is an IBAN: mod 97, 15 to 34 characters."""
    return 15 <= len(NOT_ALPHANUMERIC.sub("", text)) <= 34 and mod97(text)


def ip(text: str) -> bool:
    """Say whether it is an IP address or network; `::` alone is punctuation."""
    try:
        # without the zone: "fe80::1%eth0"
        address = ipaddress.ip_interface(text.split("%")[0])
    except ValueError:
        return False
    return not (address.version == 6 and address.ip.is_unspecified)


def mac(text: str) -> bool:
    """Say whether it is a MAC address of one device.

    That is neither all zeros nor broadcast (all `F`), and has one separator throughout.
    """
    characters = re.sub(r"[^0-9A-Fa-f]", "", text).upper()
    is_mixed = ":" in text and "-" in text
    return len(characters) == 12 and len(set(characters)) > 1 and not is_mixed


def ssn(text: str) -> bool | None:
    """Refuse what was never issued.

    That is areas 000 and 666, a group or a serial of zeros, and all digits the same.
    """
    number = NOT_DIGITS.sub("", text)
    if len(number) != 9:
        return None

    may_be_issued = (
        number[:3] not in ("000", "666")
        and number[3:5] != "00"
        and number[5:] != "0000"
        and len(set(number)) > 1
    )
    return None if may_be_issued else False


def nhs(text: str) -> bool:
    """Say whether it is an NHS number: ten digits, mod 11, not all the same."""
    numbers = digits(text)
    return len(numbers) == 10 and mod11(text) and len(set(numbers)) > 1


def aba(text: str) -> bool | None:
    """Refuse what is no routing number (weights 3, 7, 1)."""
    weights = (3, 7, 1) * 3
    total = sum(weight * number for weight, number in zip(weights, digits(text), strict=False))
    return None if total % 10 == 0 and total else False


def dea(text: str) -> bool:
    """Say whether it is a DEA number: two letters, and seven digits of which the last checks."""
    numbers = digits(text[2:])
    return (sum(numbers[0:6:2]) + 2 * sum(numbers[1:6:2])) % 10 == numbers[6]


def vin(text: str) -> bool:
    """Say whether the ninth character checks a vehicle's number."""
    number = text.upper()
    total = sum(weight * VIN_VALUES[char] for weight, char in zip(VIN_WEIGHTS, number, strict=True))
    check = "X" if total % 11 == 10 else str(total % 11)
    # a word of seventeen letters may pass the check
    return number[8] == check and any(char.isdigit() for char in number)


def crypto(text: str) -> bool | None:
    """Say whether a Bitcoin address checks (Base58Check, Bech32).

    Of an Ethereum address nothing can be checked: its checksum is in the case of its letters, which
    many write in one case.
    """
    if text[:2].lower() == "0x":
        return None
    if text[:3].lower() == "bc1":
        return _is_bech32(text.lower())

    # Base58Check: a version, 20 bytes, and the first 4 of their double SHA-256
    number = 0
    for char in text:
        number = number * 58 + BASE58.index(char)
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    checksum = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4]
    return checksum == raw[-4:]


def email(text: str) -> bool | None:
    """Refuse what is no address: in "36 months at 6.2 percent" stands none.

    With its sign an address may end in any letters (a suffix newer than the list). Written out, or
    broken across a line, it has to end in a public suffix, and its first part is no common word.
    """
    suffix = SIGN.split(text.rstrip(")]}> \n"))[-1]
    local = AT.split(text, maxsplit=1)[0].strip()
    if not any(char.isalnum() for char in local) or not suffix.isalpha() or len(suffix) < 2:
        return False

    if "@" in text and "\n" not in text:
        return None
    is_likely = is_public_suffix(suffix.lower()) and local.lower() not in SENTENCE_WORDS
    return None if is_likely else False


def domain(text: str) -> bool | None:
    """Refuse a host name whose last part is no public suffix.

    Unless a scheme or `www` says that it is one.
    """
    if "://" in text or text[:3].lower() == "www":
        return None
    host = END_OF_HOST.split(text, maxsplit=1)[0].rstrip(".")
    return None if is_public_suffix(host.rpartition(".")[2].lower()) else False


def street(text: str) -> bool | None:
    """Refuse a number and a street's kind with words of a sentence between them."""
    words = re.findall(r"[^\W\d_]+", text)
    is_sentence = any(word in SENTENCE_WORDS for word in words[:-1] if word.islower())
    return False if is_sentence else None


def phone(text: str) -> bool | None:
    """Accept what is North American in form, or what one of `PHONE_REGIONS` knows as a number.

    Dates, and what is too short or too long, are refused. ITU-T E.164 allows 15 digits at most.
    """
    if OTHER_THAN_PHONE.match(text):
        return False

    number = NOT_DIGITS.sub("", EXTENSION.sub("", text.lower()))
    if NORTH_AMERICAN.match(number):
        return True
    if not 6 <= len(number) <= 15:
        return False
    return True if len(number) >= 7 and _is_known_number(text, PHONE_REGIONS) else None


def german_phone(text: str) -> bool | None:
    """Accept what Germany, Austria or Switzerland knows as a telephone number."""
    return _is_phone_of(text, GERMAN_REGIONS)


def french_phone(text: str) -> bool | None:
    """Accept what a country of French tongue knows as a telephone number."""
    return _is_phone_of(text, FRENCH_REGIONS)


def spanish_phone(text: str) -> bool | None:
    """Accept what a country of Spanish tongue knows as a telephone number."""
    return _is_phone_of(text, SPANISH_REGIONS)


def _is_phone_of(text: str, regions: tuple[str, ...]) -> bool | None:
    digits = sum(map(str.isdigit, text))
    if OTHER_THAN_PHONE.match(text) or not 6 <= digits <= 15:
        return False
    return True if digits >= 7 and _is_known_number(text, regions) else None


def identifier(text: str) -> bool:
    """Accept what may be somebody's number: digits enough, and no date, year or amount.

    Three digits, or two and a letter; letters alone are a word.
    """
    if NOT_AN_IDENTIFIER.fullmatch(text):
        return False
    digits = sum(char.isdigit() for char in text)
    return digits >= 3 or (digits == 2 and any(char.isalpha() for char in text))


@cache
def is_public_suffix(name: str) -> bool:
    """Say whether `name` is a top-level domain, by the list that tldextract ships.

    Nobody is asked on the network: the answer is the same everywhere.
    """
    return name in _suffixes()


@cache
def _suffixes() -> frozenset[str]:
    from tldextract import TLDExtract

    return frozenset(TLDExtract(suffix_list_urls=(), cache_dir=None).tlds)


def _is_known_number(text: str, regions: tuple[str, ...]) -> bool:
    import phonenumbers

    for region in regions:
        try:
            parsed: Any = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return True
    return False


def _is_bech32(text: str) -> bool:
    """Say whether an address in lower case passes the checksum of BIP 173 or BIP 350."""
    prefix, _, data = text.rpartition("1")  # "1" parts the two, and is not used after it
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    values += [BECH32.index(char) for char in data]

    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(BECH32_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check in BECH32_CHECKS


_ALL = (
    luhn,
    mod97,
    mod11,
    verhoeff,
    iban,
    ip,
    mac,
    ssn,
    nhs,
    aba,
    dea,
    vin,
    crypto,
    email,
    domain,
    street,
    phone,
    german_phone,
    french_phone,
    spanish_phone,
    identifier,
    *NATIONAL,
)
VALIDATORS: dict[str, Validator] = {validator.__name__: validator for validator in _ALL}
# those that a text may not ask without end: `phonenumbers` parses a number once per region
SLOW = frozenset(("phone", "german_phone", "french_phone", "spanish_phone"))
