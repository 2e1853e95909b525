"""The checks that a match has to pass, on published numbers and on some with a digit wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.patterns import validators
from tasks.redaction.finding.patterns.validators import SLOW, VALIDATORS

# From the specifications, from card schemes' test numbers and from registries' examples.
ACCEPTED = {
    "luhn": ["4012888888881881", "3782 822463 10005", "5555-5555-5555-4444", "6011111111111117"],
    "mod97": ["GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00"],
    "mod11": ["943 476 5919", "9434765919"],
    "verhoeff": ["2363", "123451"],
    "iban": ["GB82WEST12345698765432", "NO93 8601 1117 947", "FR14 2004 1010 0505 0001 3M02 606"],
    "ip": ["203.0.113.77", "10.0.0.0/8", "2001:db8::7", "fe80::1%eth0", "::1"],
    "mac": ["00:1A:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E"],
    "nhs": ["943 476 5919", "9434765870"],
    "dea": ["AB1234563", "F91234563"],
    "vin": ["1HGCM82633A004352", "1M8GDM9AXKP042788", "1hgcm82633a004352"],
    "crypto": [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    ],
    "identifier": ["AB-12345", "CLM-2024-00123", "77-A4", "20-44-18", "123"],
    "german_tax_id": ["86095742719", "86 095 742 719"],
    "german_pension": ["15 070649 C 10 3", "65170839J003"],
    "icao_document": ["L01X00T471", "T220001293"],
    "french_nir": ["2 55 08 14 168 025 38", "255081416802538"],
    "siren": ["732 829 320", "732 829 320 00074"],
    "rib": ["20041 01005 0500013M026 06"],
    "dni": ["12345678Z", "12.345.678-Z", "X1234567L"],
    "cif": ["A58818501", "B-58378431"],
    "spanish_insurance": ["28 12345678 40"],
    "german_phone": ["030 12345678", "+43 1 5880", "+41 44 668 18 00"],
    "french_phone": ["01 23 45 67 89", "+32 2 555 12 12"],
    "spanish_phone": ["612 34 56 78", "+52 55 1234 5678"],
    "phone": ["413 295 1160", "(413) 295-1160 x12", "+44 20 7946 0958", "1-413-295-1160"],
}
REFUSED = {
    # one digit wrong, none that comes twice, one that leads with zero
    "german_tax_id": ["86095742718", "12345678903", "06095742719", "8609574271"],
    "german_pension": ["15 070649 C 10 4", "15070649103", ""],
    "icao_document": ["L01X00T472", "L01X", "ABCDEFGHK"],
    "french_nir": ["255081416802539", "25508141680253", ""],
    "siren": ["732 829 321", "111111111", "7328293200007"],
    "rib": ["20041 01005 0500013M026 07", "20041"],
    "dni": ["12345678A", "X1234567A", "1234567L", ""],
    "cif": ["A58818502", "A5881850", ""],
    "spanish_insurance": ["28 12345678 41", "2812345678"],
    "german_phone": ["12.03.2021", "030 1"],
    "french_phone": ["12/03/2021", "01 2"],
    "spanish_phone": ["12/03/2021", "61 2"],
    "luhn": ["4012888888881882", "0000000000000000", "4012", "1" * 20, ""],
    "mod97": ["GB82WEST12345698765433", "", "!"],
    "mod11": ["943 476 5918", "1", ""],
    "verhoeff": ["2364", "1234512", ""],
    "iban": ["GB82WEST12345698765433", "GB82", "GB82WEST" + "1" * 40],
    "ip": ["999.1.1.1", "1.2.3", "::", "::/0", "12:30:45", ""],
    "mac": ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "00:1A-2b:3c:4d:5e", "00:1A:2b"],
    "ssn": ["000-12-3456", "666-12-3456", "536-00-8841", "536-22-0000", "111-11-1111"],
    "nhs": ["943 476 5918", "943476591", "0000000000"],
    "aba": ["021000022", "000000000"],
    "dea": ["AB1234564"],
    "vin": ["1HGCM82633A004353", "AAAAAAAAAAAAAAAAA"],
    "crypto": [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
        "z" * 34,
    ],
    "email": ["36 months at 6.2", "@x.org", "._@x.org", "a@b.1", "a@b.c", "the at gmail dot com"],
    "domain": ["end.Start", "file.txt1", "e.g"],
    "street": ["3 weeks on the road", "5 of the drive"],
    "identifier": [
        "2024",
        "2021-12-31",
        "31/12/2021",
        "1,250.00",
        "30mg",
        "12",
        "A1",
        "closed",
        "",
    ],
    "phone": ["2021-12-31", "31/12/2021", "536-22-8841", "62704-1234", "2019 - 2024", "3.14159"],
}
UNDECIDED = {
    "icao_document": ["L01X00T47"],
    "german_phone": ["030 123"],
    "ssn": ["536-22-8841", "536", "12345-67890"],
    "aba": ["021000021", "011401533"],
    "crypto": ["0x52908400098527886E0F7030069857D2E4169EE7"],
    "email": ["jo@brand.newtld", "jo at example dot com", "jo@mailbox.\norg"],
    "domain": ["example.com", "https://x.invalidtld", "www.x.invalidtld", "example.org/a?b.c"],
    "street": ["12 Elm Street", "870 Travis Terrace", "12 elm street"],
    "phone": ["295-116", "555 12 1"],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in ACCEPTED.items() for text in texts]
)
def test_a_published_number_is_accepted(name: str, text: str) -> None:
    assert VALIDATORS[name](text) is True


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts]
)
def test_what_is_none_is_refused(name: str, text: str) -> None:
    assert VALIDATORS[name](text) is False


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in UNDECIDED.items() for text in texts]
)
def test_what_nothing_speaks_against_is_undecided(name: str, text: str) -> None:
    assert VALIDATORS[name](text) is None


def test_every_validator_is_tried_here() -> None:
    assert set(ACCEPTED) | set(REFUSED) | set(UNDECIDED) == set(VALIDATORS)


def test_what_is_slow_is_a_validator() -> None:
    assert set(VALIDATORS) >= SLOW


@pytest.mark.parametrize("name", ["luhn", "verhoeff"])
@given(number=st.integers(10**14, 10**15 - 1))
def test_of_ten_last_digits_exactly_one_checks(name: str, number: int) -> None:
    checked = [digit for digit in range(10) if VALIDATORS[name](f"{number}{digit}")]
    assert len(checked) == 1 or len(set(str(number))) == 1


@given(number=st.integers(10**14, 10**15 - 1), place=st.integers(0, 14), change=st.integers(1, 9))
def test_verhoeff_notices_every_digit_that_is_wrong(number: int, place: int, change: int) -> None:
    check = next(digit for digit in range(10) if validators.verhoeff(f"{number}{digit}"))
    digits = [int(char) for char in f"{number}{check}"]
    digits[place] = (digits[place] + change) % 10
    assert not validators.verhoeff("".join(map(str, digits)))


@given(number=st.integers(10**14, 10**15 - 1), place=st.integers(0, 13))
def test_verhoeff_notices_two_neighbours_that_are_exchanged(number: int, place: int) -> None:
    check = next(digit for digit in range(10) if validators.verhoeff(f"{number}{digit}"))
    digits = list(f"{number}{check}")
    if digits[place] == digits[place + 1]:
        return
    digits[place], digits[place + 1] = digits[place + 1], digits[place]
    assert not validators.verhoeff("".join(digits))


@given(a=st.integers(0, 9), b=st.integers(0, 9), c=st.integers(0, 9))
def test_verhoeff_s_product_is_that_of_a_group(a: int, b: int, c: int) -> None:
    product = validators._multiply_in_d5
    assert product(product(a, b), c) == product(a, product(b, c))
    assert product(a, 0) == product(0, a) == a
    assert [x for x in range(10) if product(a, x) == 0]


@given(body=st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=11, max_size=30))
def test_of_a_country_s_check_digits_few_make_an_iban(body: str) -> None:
    checked = [check for check in range(2, 99) if validators.iban(f"DE{check:02}{body}")]
    assert len(checked) == 1


@pytest.mark.parametrize("text", ["", " ", "-", "x", "\n", "@", "1", "é", "\u0661\u0662"])
@pytest.mark.parametrize("name", sorted(set(VALIDATORS) - {"dea", "vin", "crypto"}))
def test_odd_texts_break_nothing(name: str, text: str) -> None:
    assert VALIDATORS[name](text) in (True, False, None)


@pytest.mark.parametrize(
    ("name", "is_suffix"), [("com", True), ("museum", True), ("txt", False), ("", False)]
)
def test_a_public_suffix_is_known_by_the_list_that_ships(name: str, is_suffix: bool) -> None:
    assert validators.is_public_suffix(name) is is_suffix
