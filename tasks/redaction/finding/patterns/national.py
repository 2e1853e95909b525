"""Check digits of the numbers that Germany, France and Spain give to people and firms.

Each check takes the matched text and says True (it is one), False (it is none) or None (nothing
speaks against it), as in `validators.py`.

Sources: BZSt, "Identifikationsnummer" (ISO/IEC 7064 mod 11,10); VKVV § 2 (Versicherungsnummer);
ICAO 9303-3 4.9 (check digit of a document's number); INSEE, "Numéro de sécurité sociale" and
"SIREN, SIRET"; Banque de France, "clé RIB"; Real Decreto 1553/2005 (DNI), Orden INT/2058/2008
(NIE), Orden EHA/451/2008 (CIF); TGSS, "Número de la Seguridad Social".
"""

import re
from collections import Counter

NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
CIF_LETTERS = "JABCDEFGHI"
# A letter of a document's number counts as 10 to 35; weights repeat (ICAO 9303-3).
ICAO_WEIGHTS = (7, 3, 1)
# of the twelve digits of a German pension insurance number, the letter written as two
PENSION_WEIGHTS = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
# what a letter of an account counts in the key of a French bank account
RIB_LETTERS = dict(
    zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [*range(1, 10), *range(1, 10), *range(2, 10)], strict=True)
)


def _signs(text: str) -> str:
    return NOT_ALPHANUMERIC.sub("", text).upper()


def german_tax_id(text: str) -> bool:
    """Say whether it is a German tax identification number: eleven digits, the last checks.

    Of the first ten one digit comes two or three times, and none leads with zero.
    """
    number = _signs(text)
    if len(number) != 11 or not number.isdigit() or number[0] == "0":
        return False
    if max(Counter(number[:10]).values()) not in (2, 3):
        return False

    product = 10
    for char in number[:10]:
        total = (int(char) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(number[10])


def german_pension(text: str) -> bool:
    """Say whether it is a German pension insurance number: 65 180539 K 01 3."""
    number = _signs(text)
    if not re.fullmatch(r"\d{8}[A-Z]\d{3}", number):
        return False
    digits = f"{number[:8]}{ord(number[8]) - 64:02}{number[9:11]}"
    products = (int(char) * weight for char, weight in zip(digits, PENSION_WEIGHTS, strict=True))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(number[11])


def icao_document(text: str) -> bool | None:
    """Say whether the last digit checks a German identity card's or passport's number.

    Without its check digit (nine characters) nothing can be checked.
    """
    number = _signs(text)
    if len(number) == 9:
        return None if any(map(str.isdigit, number)) else False
    if len(number) != 10 or not number[9].isdigit():
        return False

    total = sum(int(char, 36) * ICAO_WEIGHTS[place % 3] for place, char in enumerate(number[:9]))
    return total % 10 == int(number[9])


def french_nir(text: str) -> bool:
    """Say whether it is a French social security number: the key is 97 minus the rest mod 97."""
    number = _signs(text)
    if len(number) != 15:
        return False
    # Corsica's departments are written with a letter, and count as 19 and 18 there
    body = number[:13].replace("2A", "19", 1) if number[5:7] == "2A" else number[:13]
    body = body.replace("2B", "18", 1) if number[5:7] == "2B" else body
    if not (body + number[13:]).isdigit():
        return False
    return 97 - int(body) % 97 == int(number[13:])


def siren(text: str) -> bool:
    """Say whether it is a SIREN (nine digits) or SIRET (fourteen): Luhn's check over all of them.

    La Poste's establishments (SIREN 356000000) add up to a multiple of five instead.
    """
    number = _signs(text)
    if len(number) not in (9, 14) or not number.isdigit() or len(set(number)) == 1:
        return False

    doubled = [sum(divmod(2 * int(char), 10)) for char in number[-2::-2]]
    total = sum(int(char) for char in number[-1::-2]) + sum(doubled)
    is_of_la_poste = number.startswith("356000000") and sum(map(int, number)) % 5 == 0
    return total % 10 == 0 or is_of_la_poste


def rib(text: str) -> bool:
    """Say whether it is a French bank account: bank, branch, account and the key that checks."""
    number = _signs(text)
    if len(number) != 23:
        return False
    digits = "".join(str(RIB_LETTERS.get(char, char)) for char in number)
    key = 89 * int(digits[:5]) + 15 * int(digits[5:10]) + 3 * int(digits[10:21])
    return 97 - key % 97 == int(digits[21:])


def dni(text: str) -> bool:
    """Say whether the letter checks a Spanish DNI (eight digits) or NIE (X, Y or Z, then seven)."""
    number = _signs(text)
    if not re.fullmatch(r"[XYZ\d]\d{7}[A-Z]", number):
        return False
    body = str("XYZ".find(number[0])) + number[1:8] if number[0] in "XYZ" else number[:8]
    return DNI_LETTERS[int(body) % 23] == number[8]


def cif(text: str) -> bool:
    """Say whether the last character checks a Spanish firm's number: a digit or a letter."""
    number = _signs(text)
    if not re.fullmatch(r"[A-HJNP-SUVW]\d{7}[0-9A-J]", number):
        return False
    doubled = sum(sum(divmod(2 * int(char), 10)) for char in number[1:8:2])
    check = -(doubled + sum(map(int, number[2:8:2]))) % 10
    return number[8] in (str(check), CIF_LETTERS[check])


def spanish_insurance(text: str) -> bool:
    """Say whether it is a Spanish social security number: the last two digits are mod 97."""
    number = _signs(text)
    if len(number) != 12 or not number.isdigit():
        return False
    province, serial = number[:2], number[2:10]
    # a serial below ten millions counts without its leading zero
    body = province + (serial[1:] if serial[0] == "0" else serial)
    return int(body) % 97 == int(number[10:])


NATIONAL = (
    german_tax_id,
    german_pension,
    icao_document,
    french_nir,
    siren,
    rib,
    dni,
    cif,
    spanish_insurance,
)
