"""Measure the profiles of German, French and Spanish on texts that nobody tuned them to.

    python benchmarks/languages.py --peers FOLDER [--language de] [--rows 1000] [--part held-out]

Texts are sentences of benchmarks/languages.yaml; with `--part others` another author's: the two
clinical notes that `openmed` has in each language. People are those of the Fake Name Generator that
`presidio-evaluator` ships: names, streets and towns of the language's countries. None of them comes
from Faker, whose lists the profiles use. Sentences and names are parted by their digest: the part
`tune` was looked at while the rules were made, `held-out` was not.

Recall: of the labelled pieces those that spans of their type cover whole. Precision: of the spans
of a type those that lie by more than half under a label of it. Masked: covered whole by any span.
Over-redaction: words outside every label that were taken. All of the default types.

`--peers` is a folder with `presidio-evaluator` and `openmed`, what is in configs/languages.lock and
configs/careful.lock, and spaCy's pipelines of the languages, as far as they are to be compared.
"""

import argparse
import csv
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from tasks.redaction.finding.patterns.validators import VALIDATORS
from tasks.redaction.params import ENTITIES
from tasks.redaction.spans import Span, merge

SENTENCES = Path(__file__).with_name("languages.yaml")
NAMES_FILE = "presidio_evaluator/data_generator/raw_data/FakeNameGenerator.com_3000.csv"
NAME_SETS = {"de": "German", "fr": "French", "es": "Spanish"}
COUNTRIES = {"de": ("DE", "AT"), "fr": ("FR", "BE"), "es": ("ES",)}
COUNTRY_CODES = {"DE": "49", "AT": "43", "FR": "33", "BE": "32", "ES": "34"}
PIPELINES = {"de": None, "fr": "fr_core_news_md", "es": None}
FIELD = re.compile(r"\[(other\.)?(\w+)\]")
TYPES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "street": "LOCATION",
    "town": "LOCATION",
    "city": "LOCATION",
    "zip": "LOCATION",
    "iban": "IBAN_CODE",
    "id": "ID",
    "number": "ID",
    "born": "BIRTH_DATE",
}
Find = Callable[[list[str]], list[list[Span]]]


@dataclass(frozen=True)
class Row:
    """A text, what was planted in it, and the person whom its columns describe."""

    text: str
    labels: tuple[tuple[int, int, str, bool], ...]  # start, end, type, is the row's own
    person: tuple[tuple[str, str], ...]


def main() -> None:
    """Print a table for each language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--language", choices=sorted(NAME_SETS))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--part", choices=("tune", "held-out", "others"), default="tune")
    parser.add_argument("--ways", help="only those whose name begins so")
    parser.add_argument("--misses", type=int, default=0, help="so many texts with leaks are shown")
    options = parser.parse_args()
    sys.path.append(str(options.peers))
    for language in [options.language] if options.language else sorted(NAME_SETS):
        made = rows(language, options.rows, options.part, options.peers)
        print(f"\n## {language}, {options.part}: {len(made)} texts\n")
        ways = dict(all_ways(language, options.ways or ""))
        table(made, ways)
        if options.part != "others":  # whose notes are about one person
            link_table(language, made)
        if options.misses and options.part == "tune":
            show_misses(made, ways["fast"], options.misses)


def is_held_out(text: str) -> bool:
    """Say whether what this is made of is kept back, by its digest."""
    return sha256(text.encode()).digest()[0] % 2 == 1


def rows(language: str, count: int, part: str, peers: Path) -> list[Row]:
    """Return texts; the same for the same arguments."""
    wanted = part != "tune"
    texts = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))[language]
    sentences = [one for one in texts["sentences"] if is_held_out(one) == wanted]
    if part == "others":
        texts["plain"] = []
        sentences = sentences_of_others(language)
    with (peers / NAMES_FILE).open(encoding="utf-8-sig", newline="") as file:
        listed = list(csv.DictReader(file))
    names = [one for one in listed if one["NameSet"] == NAME_SETS[language]]
    names = [one for one in names if is_held_out(one["GivenName"] + one["Surname"]) == wanted]
    places = [one for one in listed if one["Country"] in COUNTRIES[language]]
    places = [one for one in places if is_held_out(one["StreetAddress"]) == wanted]
    rng = random.Random(f"{language} {part}")
    return [_row(language, sentences, texts["plain"], names, places, rng) for _ in range(count)]


def sentences_of_others(language: str) -> list[str]:
    """Return `openmed`'s notes of a language, with our fields in them.

    A date that is nobody's birth is no field: it is written out.
    """
    from openmed.eval import synth_corpus  # type: ignore[import-not-found]
    from openmed.training.synthetic import locale_phi  # type: ignore[import-not-found]

    literals = locale_phi._TEMPLATES[language]
    fields = ("[name]", "[born]", "[id]", "[phone]", "[street]", "12/03/2024")
    note = "".join(map("".join, zip(literals, (*fields, ""), strict=True)))

    (template,) = (
        profile.template
        for profile in synth_corpus._LOCALE_PROFILES
        if profile.language == language
    )
    for placeholder, field in OPENMED_FIELDS.items():
        template = template.replace(f"{{{placeholder}}}", f"[{field}]")
    return [note, template]


OPENMED_FIELDS = {
    "PERSON": "name",
    "DATE_OF_BIRTH": "born",
    "EMAIL": "email",
    "ID_NUM": "id",
    "LOCATION": "city",
    "PHONE": "phone",
    "STREET_ADDRESS": "street",
    "ZIPCODE": "zip",
}


def _row(
    language: str,
    sentences: list[str],
    plain: list[str],
    names: list[dict[str, str]],
    places: list[dict[str, str]],
    rng: random.Random,
) -> Row:
    own, other = (_person(language, rng.choice(names), rng.choice(places), rng) for _ in range(2))
    chosen = rng.sample(sentences, rng.randrange(1, 3))
    chosen += rng.sample(plain, rng.randrange(0, 3)) if plain else []
    rng.shuffle(chosen)

    text = ""
    labels: list[tuple[int, int, str, bool]] = []
    for sentence in chosen:
        text += "\n" if "\n" in text + sentence and text else " " if text else ""
        position = 0
        for match in FIELD.finditer(sentence):
            text += sentence[position : match.start()]
            value = (other if match[1] else own)[match[2]]
            kind = TYPES.get(match[2], "PERSON")
            labels.append((len(text), len(text) + len(value), kind, not match[1]))
            text += value
            position = match.end()
        text += sentence[position:]
    columns = (
        *(("name", "name"), ("email", "email"), ("phone", "phone"), ("street", "street")),
        *(("city", "city"), ("date", "iso"), ("account", "iban"), ("account", "id")),
        ("account", "number"),
    )
    return Row(text, tuple(labels), tuple((kind, own[name]) for kind, name in columns))


def _person(
    language: str, name: dict[str, str], place: dict[str, str], rng: random.Random
) -> dict[str, str]:
    first = name["GivenName"]
    last = name["Surname"]
    year, month, day = rng.randrange(1940, 2005), rng.randrange(1, 13), rng.randrange(1, 29)
    country = place["Country"]
    number = place["TelephoneNumber"]
    if rng.random() < 0.3:
        number = f"+{COUNTRY_CODES[country]} {number.lstrip('(0').replace(')', '')}"
    return {
        "first": first,
        "last": last,
        "name": f"{first} {last}",
        "upper": f"{first} {last}".upper(),
        "initial": f"{first[0]}.",
        "email": name["EmailAddress"],
        "phone": number,
        "street": place["StreetAddress"],
        "town": f"{place['ZipCode']} {place['City']}",
        "city": place["City"],
        "zip": place["ZipCode"],
        "born": _date(language, day, month, year, rng),
        "iso": f"{year}-{month:02}-{day:02}",
        "iban": _iban(country, rng),
        "id": _national_id(language, rng),
        "number": f"{rng.choice(('', 'K-', 'AB '))}{rng.randrange(10**5, 10**8)}",
    }


MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    ),
}


def _date(language: str, day: int, month: int, year: int, rng: random.Random) -> str:
    word = MONTHS[language].split()[month - 1]
    if rng.random() < 0.3:
        return {"de": f"{day}. {word} {year}", "fr": f"{day} {word} {year}"}.get(
            language, f"{day} de {word} de {year}"
        )
    sign = "." if language == "de" else "/"
    return f"{day:02}{sign}{month:02}{sign}{year}"


def _digits(count: int, rng: random.Random) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(count))


def _iban(country: str, rng: random.Random) -> str:
    lengths = {"DE": 18, "AT": 16, "FR": 23, "BE": 12, "ES": 20}
    account = _digits(lengths[country], rng)
    numbers = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    number = f"{country}{98 - int(numbers) % 97:02}{account}"
    if rng.random() < 0.5:
        return number
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _national_id(language: str, rng: random.Random) -> str:
    """Return a number whose check digits are right, by trying."""
    while True:
        if language == "de":
            name, number = "german_tax_id", _digits(11, rng)
        elif language == "fr":
            name = "french_nir"
            born = f"{_digits(2, rng)}{rng.randrange(1, 13):02}"
            body = f"{rng.choice('12')}{born}{rng.randrange(10, 95)}{_digits(6, rng)}"
            number = f"{body}{97 - int(body) % 97:02}"
        else:
            name, number = "dni", _digits(8, rng) + rng.choice("TRWAGMYFPDXBNJZSQVHLCKE")
        if VALIDATORS[name](number):
            return number


def all_ways(language: str, beginning: str) -> Iterator[tuple[str, Find]]:
    """Yield the name of a way, and what finds; `fast` always, others if they begin so."""
    from tasks.redaction.api import find_personal_data

    def finder(**settings: Any) -> Find:
        return lambda texts: find_personal_data(
            texts, entities=ENTITIES, language=language, **settings
        )

    pipeline = PIPELINES[language]
    if "Presidio".startswith(beginning):
        yield "Presidio", presidio(language)
    yield "fast", finder()
    if pipeline is not None and f"fast, {pipeline}".startswith(beginning):
        yield f"fast, {pipeline}", finder(model=pipeline)
    if "careful".startswith(beginning):
        yield "careful", finder(mode="careful")
        if pipeline is not None:
            yield f"careful, {pipeline}", finder(mode="careful", model=pipeline)


def presidio(language: str) -> Find:
    """Return Presidio's analyzer; where no pipeline is to be had, with its patterns alone."""
    import spacy
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    from tasks.redaction.ner.names import model_path

    name = PIPELINES[language]
    pipeline = spacy.load(model_path(name)) if name else spacy.blank(language)

    class Installed(SpacyNlpEngine):  # type: ignore[misc]
        def load(self) -> None:
            self.nlp = {language: pipeline}

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None
    )
    engine = Installed(models=[{"lang_code": language, "model_name": name or "blank"}])
    engine.load()
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])

    def find(texts: list[str]) -> list[list[Span]]:
        return [
            [
                Span(one.start, one.end, OUR_KINDS.get(one.entity_type, one.entity_type))
                for one in analyzer.analyze(text, language=language)
                if one.score >= 0.35 and one.entity_type not in NOT_DEFAULT
            ]
            for text in texts
        ]

    return find


# Presidio's kinds of the languages' numbers, which are `ID` here; and kinds that nobody masks.
OUR_KINDS = dict.fromkeys(
    (
        *("DE_TAX_ID", "DE_TAX_NUMBER", "DE_SOCIAL_SECURITY", "DE_ID_CARD", "DE_PASSPORT"),
        *("DE_HEALTH_INSURANCE", "DE_KFZ", "DE_HANDELSREGISTER", "DE_PLZ", "DE_VAT_ID"),
        *("ES_NIF", "ES_NIE", "FR_NIR", "DE_FUEHRERSCHEIN", "DE_LANR", "DE_BSNR"),
    ),
    "ID",
)
NOT_DEFAULT = frozenset(("URL", "NRP", "ORGANIZATION", "DATE_TIME"))


def table(made: list[Row], ways: dict[str, Find]) -> None:
    """Print how well and how fast each way finds."""
    texts = [row.text for row in made]
    results: dict[str, list[list[Span]]] = {}
    rates: dict[str, float] = {}
    for name, find in ways.items():
        find(texts[:20])
        start = time.process_time()
        results[name] = find(texts)
        rates[name] = len(texts) / (time.process_time() - start)

    kinds = sorted({label[2] for row in made for label in row.labels})
    print("| | labelled | " + " | ".join(ways) + " |")
    print("|---|---|" + "---|" * len(ways))
    for kind in kinds:
        total = sum(label[2] == kind for row in made for label in row.labels)
        cells = [
            " / ".join(f"{100 * f:.1f}" for f in figures(made, results[n], kind)) for n in ways
        ]
        print(f"| {kind}: recall / F2 / masked | {total:,} | " + " | ".join(cells) + " |")
    for title, measure in (("masked characters", characters), ("over-redaction", over)):
        cells = [f"{100 * measure(made, results[name]):.2f}" for name in ways]
        print(f"| {title} | | " + " | ".join(cells) + " |")
    print("| texts per CPU second | | " + " | ".join(f"{rates[n]:,.0f}" for n in ways) + " |")


def figures(made: list[Row], found: list[list[Span]], kind: str) -> tuple[float, float, float]:
    """Return recall, F2 and the share masked as anything, of one type."""
    hits = masked = total = right = predicted = 0
    for row, spans in zip(made, found, strict=True):
        of_kind = _marks(row.text, [span for span in spans if span.kind == kind])
        any_kind = _marks(row.text, spans)
        labels = [label for label in row.labels if label[2] == kind]
        for start, end, _, _ in labels:
            total += 1
            hits += _is_covered(row.text, start, end, of_kind)
            masked += _is_covered(row.text, start, end, any_kind)
        under = bytearray(len(row.text))
        for start, end, _, _ in labels:
            under[start:end] = b"\x01" * (end - start)
        for span in merge(span for span in spans if span.kind == kind):
            predicted += 1
            right += 2 * sum(under[span.start : span.end]) > span.end - span.start
    recall = hits / total if total else 0.0
    precision = right / predicted if predicted else 0.0
    f2 = 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
    return recall, f2, masked / total if total else 0.0


def characters(made: list[Row], found: list[list[Span]]) -> float:
    """Return the share of labelled letters and digits that are masked."""
    masked = total = 0
    for row, spans in zip(made, found, strict=True):
        marks = _marks(row.text, spans)
        for start, end, _, _ in row.labels:
            signs = [index for index in range(start, end) if row.text[index].isalnum()]
            total += len(signs)
            masked += sum(marks[index] for index in signs)
    return masked / total


def over(made: list[Row], found: list[list[Span]]) -> float:
    """Return the share of words outside every label that were taken."""
    taken = total = 0
    for row, spans in zip(made, found, strict=True):
        marks = _marks(row.text, spans)
        labelled = bytearray(len(row.text))
        for start, end, _, _ in row.labels:
            labelled[start:end] = b"\x01" * (end - start)
        for word in re.finditer(r"\S+", row.text):
            if not any(labelled[word.start() : word.end()]):
                total += 1
                taken += any(marks[word.start() : word.end()])
    return taken / total


def link_table(language: str, made: list[Row]) -> None:
    """Print what row link and `fast` together leave of the own and of third persons."""
    from tasks.redaction.api import find_personal_data, open_row_linker

    linker = open_row_linker(language=language)
    counts = {True: [0, 0], False: [0, 0]}
    alone = [0, 0]
    found = find_personal_data([row.text for row in made], entities=ENTITIES, language=language)
    for row, spans in zip(made, found, strict=True):
        own = linker.link(row.text, row.person)
        linked = _marks(row.text, own)
        together = _marks(row.text, merge(own, spans))
        for start, end, _, is_own in row.labels:
            counts[is_own][0] += not _is_covered(row.text, start, end, together)
            counts[is_own][1] += 1
            if is_own:
                alone[0] += not _is_covered(row.text, start, end, linked)
                alone[1] += 1
    print(
        f"\nrow link alone leaves {alone[0] / alone[1]:.2%} of the own person's values; "
        f"with `fast` {counts[True][0] / counts[True][1]:.2%} own, "
        f"{counts[False][0] / counts[False][1]:.2%} third persons'"
    )


def _marks(text: str, spans: Any) -> bytearray:
    marks = bytearray(len(text))
    for span in spans:
        marks[span.start : span.end] = b"\x01" * (span.end - span.start)
    return marks


def _is_covered(text: str, start: int, end: int, marks: bytearray) -> bool:
    return all(marks[index] for index in range(start, end) if text[index].isalnum())


def show_misses(made: list[Row], find: Find, count: int) -> None:
    """Print texts in which something is left, or taken needlessly; of the part `tune` only."""
    shown = 0
    for row, spans in zip(made, find([row.text for row in made]), strict=True):
        marks = _marks(row.text, spans)
        left = [
            (row.text[start:end], kind)
            for start, end, kind, _ in row.labels
            if not _is_covered(row.text, start, end, marks)
        ]
        labelled = [(start, end) for start, end, _, _ in row.labels]
        extra = [
            (row.text[span.start : span.end], span.kind)
            for span in merge(spans)
            if not any(span.start < end and start < span.end for start, end in labelled)
        ]
        if left or extra:
            shown += 1
            print("LEFT", left, "EXTRA", extra, "\n   ", row.text.replace("\n", "\\n"))
        if shown == count:
            return


if __name__ == "__main__":
    main()
