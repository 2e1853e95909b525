"""Checks that a match has to pass, by the name that a recogniser's YAML gives: a recogniser needs no code of its own.

Each takes the matched text and says True (it is one), False (it is none) or None (nothing speaks against it).
Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN), 21 CFR 1301 (DEA), ISO 3779 and 49 CFR 565 (VIN), NHS data dictionary,
BIP 13 and 173 (Bitcoin), ABA key to routing numbers.
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from tasks.redaction.finding.words import word_list

Validator = Callable[[str], bool | None]

NOT_DIGITS = re.compile(r"\D+")
# words that stand between a number and "road" without being a street's name
NO_STREET = word_list("sentence")
PHONE_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
NORTH_AMERICAN = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}$")
EXTENSION = re.compile(r"\s?(?:x|ext).*", re.DOTALL)
# dates, social security numbers, ZIP+4, years, a long decimal
OTHER_THAN_PHONE = re.compile(
    r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}$|\d{3}-\d{2}-\d{4}$|\d{5}-\d{4}$"
    r"|(?:19|20)\d{2}\s?[-/.]\s?(?:19|20)\d{2}$|\d\.\d+$"
)
SIGN = re.compile(r"[\W_]")
AT = re.compile(r"@|\sat\s|[(\[{<]\s?at", re.IGNORECASE)
END_OF_HOST = re.compile(r"[/:?#]")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
VIN_VALUES = dict(
    zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)],
        strict=True,
    )
)
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(text: str) -> list[int]:
    """Return the digits of `text`."""
    return [int(char) for char in text if char.isdigit()]


def luhn(text: str) -> bool:
    """Say whether the last digit checks the others, and they are not all the same."""
    numbers = digits(text)
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[-2::-2]]
    return (
        (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0
        and 12 <= len(numbers) <= 19
        and len(set(numbers)) > 1
    )


def mod97(text: str) -> bool:
    """Say whether an ISO 7064 mod 97-10 number (country first, as in an IBAN) checks."""
    plain = re.sub(r"[^0-9A-Za-z]", "", text).upper()
    number = "".join(str(int(char, 36)) for char in plain[4:] + plain[:4])
    return bool(number) and int(number) % 97 == 1


def verhoeff(text: str) -> bool:
    """Say whether the last digit is Verhoeff's check digit (Aadhaar)."""
    shift, check = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4], 0
    for place, digit in enumerate(reversed(digits(text))):
        for _ in range(place % 8):
            digit = shift[digit]
        check = _in_dihedral_group(check, digit)
    return check == 0 and bool(digits(text))


def _in_dihedral_group(a: int, b: int) -> int:
    """Return a * b in the symmetry group of the pentagon, elements numbered as Verhoeff numbers them."""
    turned = (a + b if a < 5 else a - b) % 5
    return turned if (a < 5) == (b < 5) else 5 + turned


def mod11(text: str) -> bool:
    """Say whether a number's last digit makes the weighted sum (weights 2, 3, … from the right) a multiple of 11."""
    numbers = digits(text)
    total = sum(weight * number for weight, number in enumerate(reversed(numbers), 1))
    return len(numbers) > 1 and total % 11 == 0


def iban(text: str) -> bool:
    """Say whether it is an IBAN: mod 97, 15 to 34 characters."""
    return 15 <= len(re.sub(r"[^0-9A-Za-z]", "", text)) <= 34 and mod97(text)


def ip(text: str) -> bool:
    """Say whether it is an IP address or network; `::` alone is punctuation."""
    try:
        address = ipaddress.ip_interface(text.split("%")[0])
    except ValueError:
        return False
    return not (address.version == 6 and address.ip.is_unspecified)


def mac(text: str) -> bool:
    """Say whether it is a MAC address of one device: neither all zeros nor broadcast, one separator throughout."""
    plain = re.sub(r"[^0-9A-Fa-f]", "", text).upper()
    return len(plain) == 12 and len(set(plain)) > 1 and not (":" in text and "-" in text)


def ssn(text: str) -> bool | None:
    """Refuse what was never issued: areas 000 and 666, a group or a serial of zeros, all digits the same."""
    number = NOT_DIGITS.sub("", text)
    if len(number) != 9:
        return None
    issued = (
        number[:3] not in ("000", "666")
        and number[3:5] != "00"
        and number[5:] != "0000"
        and len(set(number)) > 1
    )
    return None if issued else False


def nhs(text: str) -> bool:
    """Say whether it is an NHS number: ten digits, mod 11."""
    return len(digits(text)) == 10 and mod11(text) and len(set(digits(text))) > 1


def aba(text: str) -> bool | None:
    """Refuse what is no routing number (weights 3, 7, 1)."""
    weighted = sum(
        weight * number for weight, number in zip((3, 7, 1) * 3, digits(text), strict=False)
    )
    return None if weighted % 10 == 0 and weighted else False


def dea(text: str) -> bool:
    """Say whether it is a DEA number."""
    numbers = digits(text[2:])
    return (sum(numbers[0:6:2]) + 2 * sum(numbers[1:6:2])) % 10 == numbers[6]


def vin(text: str) -> bool:
    """Say whether the ninth character checks a vehicle's number."""
    plain = text.upper()
    remainder = (
        sum(weight * VIN_VALUES[char] for weight, char in zip(VIN_WEIGHTS, plain, strict=True)) % 11
    )
    return plain[8] == ("X" if remainder == 10 else str(remainder)) and any(
        char.isdigit() for char in plain
    )


def crypto(text: str) -> bool | None:
    """Say whether a Bitcoin address checks (Base58Check, Bech32); an Ethereum address has nothing to check."""
    if text[:2].lower() == "0x":
        return None
    if text[:3].lower() == "bc1":
        return _bech32(text.lower())
    number = 0
    for char in text:
        number = number * 58 + BASE58.index(char)
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def email(text: str) -> bool | None:
    """Refuse what is no address: `6.2 percent` is no domain, and a domain's last part is no number."""
    last = SIGN.split(text.rstrip(")]}> \n"))[-1]
    local = AT.split(text, maxsplit=1)[0].strip()
    if (
        not local
        or not any(char.isalnum() for char in local)
        or not last.isalpha()
        or len(last) < 2
    ):
        return False
    if "@" in text and "\n" not in text:
        return None
    return None if is_public_suffix(last.lower()) and local.lower() not in NO_STREET else False


def domain(text: str) -> bool | None:
    """Refuse a host name whose last part is no public suffix, unless a scheme or `www` says that it is one."""
    if "://" in text or text[:3].lower() == "www":
        return None
    host = END_OF_HOST.split(text, maxsplit=1)[0].rstrip(".")
    return None if is_public_suffix(host.rpartition(".")[2].lower()) else False


def street(text: str) -> bool | None:
    """Refuse a number and a street's kind with words of a sentence between them."""
    words = re.findall(r"[^\W\d_]+", text)
    return False if any(word in NO_STREET for word in words[:-1] if word.islower()) else None


def phone(text: str) -> bool | None:
    """Accept what a region knows as a number or what is North American in form; refuse dates, and what is too short."""
    if OTHER_THAN_PHONE.match(text):
        return False
    number = NOT_DIGITS.sub("", EXTENSION.sub("", text.lower()))
    if NORTH_AMERICAN.match(number):
        return True
    if not 6 <= len(number) <= 15:
        return False
    return True if len(number) >= 7 and _is_known_number(text) else None


@cache
def is_public_suffix(name: str) -> bool:
    """Say whether `name` is a top-level domain, by the list that tldextract ships; nobody is asked on the network."""
    return name in _suffixes()


@cache
def _suffixes() -> frozenset[str]:
    from tldextract import TLDExtract

    return frozenset(TLDExtract(suffix_list_urls=(), cache_dir=None).tlds)


def _is_known_number(text: str) -> bool:
    import phonenumbers

    for region in PHONE_REGIONS:
        try:
            parsed: Any = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return True
    return False


def _bech32(text: str) -> bool:
    prefix, _, data = text.rpartition("1")
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    values += [BECH32.index(char) for char in data]
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


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
)
VALIDATORS: dict[str, Validator] = {one.__name__: one for one in _ALL}
SLOW = frozenset(("phone",))
