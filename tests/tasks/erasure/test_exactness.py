"""Nobody else: for random people and texts, erasing one changes no byte that is not about them."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.erasure.searching.masking import CannotMaskError, holds_person, remove_person
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tests.flows.canaries.encodings import Encoding, encodings
from tests.flows.canaries.people import GONE, STAY, Canary, people
from tests.flows.canaries.planting import slug
from tests.tasks.erasure.small_installation import DAY, SmallInstallation, email, name

EVERYBODY = people()
ENCODINGS = encodings()
# Ordinary words, among them those of schemas, and parts of names: they identify nobody.
WORDS = (
    "the", "loan", "was", "paid", "Completed", "Finished", "Model", "candidate", "No", "remarks",
    "at", "all", "Ann", "Zoë", "piano", "quay", "2026-11-27", "12.50", "person", "email", "canary",
)  # fmt: skip

erased_people = st.sampled_from([EVERYBODY[number] for number in GONE])
others = st.lists(st.sampled_from([EVERYBODY[number] for number in STAY]), min_size=1, unique=True)
some_encoding = st.sampled_from(ENCODINGS)
letters = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))


def terms_of(person: Canary) -> SearchTerms:
    """Return what a person is looked for by, with what others carry named as such."""
    values = [
        PersonalValue("email", person.email),
        PersonalValue("name", person.name),
        PersonalValue("phone", person.phone),
        PersonalValue("account", person.iban),
        PersonalValue("account", person.customer),
    ]
    shared = [value for value in values if value.kind == "name" and person.has_namesake]
    return SearchTerms.of(values, ambiguous=shared)


@st.composite
def texts_of_nobody(draw: st.DrawFn) -> str:
    """Return lines of ordinary words, odd characters, and near misses of an erased person."""
    person = draw(erased_people)
    near_misses = (
        f"{person.surname}sen",
        f"x{person.email}",
        f"{person.email}.uk",
        person.given_name,
        person.phone[:-3],
        person.iban[:-5],
        f"{person.customer}9",
    )
    piece = st.one_of(
        st.sampled_from(WORDS), st.sampled_from(near_misses), st.text(letters, max_size=12)
    )
    return "\n".join(" ".join(draw(st.lists(piece, max_size=8))) for _ in range(3))


@settings(deadline=None)
@given(erased_people, texts_of_nobody())
def test_a_text_that_identifies_nobody_keeps_every_byte(person: Canary, text: str) -> None:
    assert not holds_person("notes.txt", text.encode(), terms_of(person))


@settings(deadline=None)
@given(erased_people, texts_of_nobody(), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le"]))
def test_nor_does_one_of_wide_characters_change(person: Canary, text: str, charset: str) -> None:
    content = text.encode(charset)
    # In what looks like binary data a person may be suspected: then it is reported, and left.
    with suppress(CannotMaskError):
        assert remove_person("notes.txt", content, terms_of(person)) == content


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_characters_read_one_byte_further_are_nobody(charset: str) -> None:
    person = EVERYBODY[0]
    for text in (f"x{person.email}", f"{person.customer}9"):
        assert not holds_person("notes.txt", text.encode(charset), terms_of(person))


@settings(deadline=None)
@given(erased_people, others, some_encoding)
def test_a_file_about_others_keeps_every_byte(
    person: Canary, staying: list[Canary], encoding: Encoding
) -> None:
    content = encoding.encode(staying)
    assert not holds_person(f"rows{encoding.suffix}", content, terms_of(person))


@settings(deadline=None)
@given(erased_people, others, some_encoding, st.randoms(use_true_random=False))
def test_every_record_of_the_others_stays_as_it_was(
    person: Canary, staying: list[Canary], encoding: Encoding, order: random.Random
) -> None:
    everybody = [person, *staying]
    order.shuffle(everybody)
    content = encoding.encode(everybody)
    file_name = f"rows{encoding.suffix}"
    terms = terms_of(person)
    try:
        clean = remove_person(file_name, content, terms)
    except CannotMaskError:
        return  # it is left whole, and reported

    assert not holds_person(file_name, clean, terms)
    kept = encoding.decode(clean)
    theirs = encoding.decode(encoding.encode(staying))
    assert [record for record in theirs if record and record not in kept] == []


@pytest.mark.parametrize("seed", range(3))
def test_an_erasure_changes_no_file_that_does_not_identify_the_person(
    seed: int, small_installation: SmallInstallation
) -> None:
    rng = random.Random(seed)
    person = rng.randrange(10, 40)
    files = plant_randomly(rng, small_installation, person)
    small_installation.erase(person)

    changed = [path.name for path, content in files.items() if path.read_bytes() != content]
    assert changed == []


def plant_randomly(
    rng: random.Random, installation: SmallInstallation, person: int
) -> dict[Path, bytes]:
    """Write random texts, of nobody or of others, in random encodings to random places."""
    folders = [
        installation.workspace / "data" / "tiny" / "reports",
        installation.workspace / "notes",
        installation.workspace / ".dvc" / "cache" / "files" / "md5" / "ab",
        installation.home / "mlartifacts",
        installation.home / "prefect" / "storage",
    ]
    files = {}
    for number in range(40):
        encoding = rng.choice(ENCODINGS)
        other = rng.choice([other for other in range(40) if other != person])
        canary = EVERYBODY[rng.choice(STAY)]
        lines = [
            " ".join(rng.choices(WORDS, k=6)),
            f"{name(other)} <{email(other)}>, not {name(person)[:-1]} nor {email(person)}.uk",
            f"{DAY} {name(other).upper()}",
        ]
        record = Canary(
            number=canary.number,
            given_name=canary.given_name,
            surname=canary.surname,
            email=email(other),
            phone=canary.phone,
            iban=canary.iban,
            customer=canary.customer,
            note=rng.choice(lines),
        )
        path = rng.choice(folders) / f"{number}-{slug(encoding)}{encoding.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoding.encode([record]))
        files[path] = path.read_bytes()
    return files
