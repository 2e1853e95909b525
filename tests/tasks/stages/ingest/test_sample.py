"""The reference case: real where it says so, invented where it says so, the same at any size."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config.sources import REAL_ROWS, SampleSource, packaged_path
from tasks.errors import ConfigError
from tasks.stages.ingest.sample import generate
from tasks.stages.ingest.sample.clauses import CLOSINGS, OPENINGS, THEMES
from tasks.stages.ingest.sample.loan import BUREAU, real_rows
from tasks.stages.ingest.sample.notes import BLOCK_ROWS, NICKNAMES
from tasks.stages.ingest.sample.people import emails, people

SEED = 20261124
OF = {
    "owner": "o",
    "role": "controller",
    "legal_basis": "l",
    "agreement": "a",
    "expires": "2031-12-31",
}


def sample(part: str, rows: int = 1989, of: str = "loan", seed: int = SEED) -> pd.DataFrame:
    source = SampleSource(kind="sample", of=of, part=part, rows=rows, seed=seed, **OF)
    return pd.concat(generate(source), ignore_index=True)


@pytest.fixture(scope="module")
def applications() -> pd.DataFrame:
    return sample("applications")


def test_figures_and_decisions_are_the_real_ones_in_their_order(applications: pd.DataFrame) -> None:
    real = pd.read_csv(packaged_path(*REAL_ROWS["loan"]))
    figures = [name for name in real if name in applications]
    pd.testing.assert_frame_equal(applications[figures], real[figures])
    assert set(real) - set(figures) == {*BUREAU, "msa", "suffolk"}
    pd.testing.assert_frame_equal(sample("bureau")[BUREAU], real[BUREAU])


def test_the_three_sources_are_about_the_same_people(applications: pd.DataFrame) -> None:
    assert applications["email"].is_unique
    assert sample("bureau")["email"].tolist() == applications["email"].tolist()
    log = sample("activity")
    assert set(log["email"]) == set(applications["email"])
    assert log["time"].is_monotonic_increasing
    assert emails(50, 1).tolist() == people(50, 1)["email"].tolist()


def test_every_planted_span_is_exactly_a_form_of_its_owner(applications: pd.DataFrame) -> None:
    mine = people(len(applications), SEED)
    for row, (text, gold) in enumerate(
        zip(applications["notes"], applications["notes_gold"], strict=True)
    ):
        spans = json.loads(gold)
        assert spans == sorted(spans, key=lambda span: span["start"])
        assert any(span["owner"] == "self" for span in spans)
        person = mine.iloc[row]
        known = {str(value).casefold() for value in person} | {
            f"{person['first'][0]}.".casefold(), person["account"][-4:],
            NICKNAMES.get(person["first"], person["first"]).casefold(),
            re.sub(r"\((\d+)\) (\d+)-(\d+)", r"\1.\2.\3", person["phone"]),
        }  # fmt: skip
        for span in spans:
            planted = text[span["start"] : span["end"]]
            assert planted.strip() == planted != ""
            if span["owner"] == "self":
                assert planted.casefold() in known


def test_nothing_of_the_applicant_stands_outside_the_planted_spans(
    applications: pd.DataFrame,
) -> None:
    row: Any
    for row in applications.head(500).itertuples():
        rest = list(row.notes)
        for span in json.loads(row.notes_gold):
            rest[span["start"] : span["end"]] = "#" * (span["end"] - span["start"])
        for value in (row.email, row.phone, row.ssn, row.street, row.name, row.account):
            assert value not in "".join(rest)


FEWEST = {"title": 1, "name": 2, "upper": 2, "lower": 2, "phone": 2, "street": 3}
MOST = {**FEWEST, "city": 2}


def words(clause: str, sizes: dict[str, int]) -> int:
    fields = re.findall(r"\{(?:\w+\.)?(\w+)\}", clause)
    return len(re.sub(r"\{[^}]+\}", "x", clause).split()) + sum(
        sizes.get(field, 1) - 1 for field in fields
    )


def test_notes_have_20_to_80_words_by_any_choice_of_clauses() -> None:
    most = [
        max(words(clause, MOST) for clause in clauses) for clauses in (OPENINGS, CLOSINGS, *THEMES)
    ]
    fewest = [
        min(words(clause, FEWEST) for clause in clauses)
        for clauses in (OPENINGS, CLOSINGS, *THEMES)
    ]
    assert sum(most) <= 80
    assert sum(fewest[:2]) + sum(sorted(fewest[2:])[:2]) >= 20
    assert (
        sample("applications", 5_000)["notes"]
        .map(lambda note: len(note.split()))
        .between(20, 80)
        .all()
    )


def test_notes_differ_and_hold_amounts_and_months_that_are_nobody_s(
    applications: pd.DataFrame,
) -> None:
    assert applications["notes"].nunique() == len(applications)
    assert applications["notes"].str.contains(r"\$\d").mean() > 0.5
    gold = applications["notes_gold"]
    for kind in ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "ADDRESS", "ACCOUNT"):
        assert gold.str.contains(f'"{kind}"').sum() > 50
    assert gold.str.contains('"other"').mean() > 0.5


def test_no_name_tells_race_sex_or_decision(applications: pd.DataFrame) -> None:
    """First letters of names are as frequent in each group as in all (chi-square, 4 sigma)."""
    for column in ("white", "male", "approve"):
        table = pd.crosstab(applications["name"].str[0], applications[column])
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.to_numpy().sum()
        freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
        statistic = ((table.to_numpy() - expected) ** 2 / expected).sum()
        assert statistic < freedom + 4 * np.sqrt(2 * freedom)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_people(
    applications: pd.DataFrame,
) -> None:
    pd.testing.assert_frame_equal(sample("applications"), applications)
    other = sample("applications", seed=SEED + 1)
    assert (other["name"] != applications["name"]).mean() > 0.9
    assert (other["approve"] == applications["approve"]).all()


def test_a_larger_sample_extends_the_smaller_one_with_new_people_of_the_same_kind(
    applications: pd.DataFrame,
) -> None:
    larger = sample("applications", BLOCK_ROWS + 5_000)
    assert list(larger) == list(applications)
    pd.testing.assert_series_equal(larger.dtypes, applications.dtypes)
    assert larger["email"].is_unique
    same = [name for name in applications if not str(name).startswith("notes")]
    pd.testing.assert_frame_equal(larger[same].head(len(applications)), applications[same])
    for name in larger.select_dtypes("number"):
        real, more = applications[name].dropna(), larger[name].dropna()
        assert abs(more.median() - real.median()) <= 0.1 * real.std() + 1e-9
    original = pd.concat(real_rows(len(applications), SEED), ignore_index=True)
    larger = pd.concat(real_rows(50_000, SEED), ignore_index=True)
    resampled = larger.iloc[len(applications) :].reset_index(drop=True)
    for one, other in (
        ("obrat", "approve"),
        ("loanamt", "price"),
        ("white", "approve"),
        ("cons", "approve"),
    ):
        assert (
            abs(resampled[one].corr(resampled[other]) - original[one].corr(original[other])) < 0.05
        )
    assert not resampled[["loanamt", "price", "atotinc", "obrat"]].duplicated().mean() > 0.1
    assert set(resampled["appinc"]) >= {666}  # a code is no amount: noise leaves it alone
    assert resampled["liq"][resampled["liq"] > 900_000].eq(1_000_000).all()


def test_an_unknown_part_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="applications, bureau, activity"):
        sample("bureaux")


def test_identities_alone_are_numbered() -> None:
    frame = sample("people", 5, of="identities")
    assert frame["row"].tolist() == [1, 2, 3, 4, 5]
    assert frame["email"].is_unique
