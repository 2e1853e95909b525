"""Croissant's metadata name the rows by digest, and mlcroissant reads them as they are."""

import json

import pytest

from tasks.dossier.machine.croissant import CONFORMS_TO, croissant
from tests.tasks.dossier.making import SmallDossier
from tests.tasks.dossier.validators import read_croissant
from tests.tasks.verifier.signed_log import digest

# What only a person can say of data: no evidence answers it, so no text stands there.
OF_PEOPLE = ("rai:dataBiases", "rai:dataLimitations", "rai:dataSocialImpact", "rai:dataUseCases")


def test_the_rows_are_named_by_their_digest(small: SmallDossier) -> None:
    (file,) = croissant(small.subject())["distribution"]
    assert file["sha256"] == digest("redact/rows.parquet")
    assert "://" not in file["contentUrl"]


def test_columns_that_nobody_signed_for_are_not_listed(small: SmallDossier) -> None:
    columns = {"income": {"role": "feature", "kind": "number"}}
    assert "recordSet" not in croissant(small.subject(columns=columns))


def test_columns_that_are_signed_for_are_listed_without_those_that_identify(
    declared: SmallDossier,
) -> None:
    (rows,) = croissant(declared.subject())["recordSet"]
    assert {field["name"]: field["dataType"] for field in rows["field"]} == {
        "income": "sc:Float",
        "is_owner": "sc:Boolean",
        "sex": "sc:Text",
        "approve": "sc:Boolean",
    }


def test_where_no_data_was_admitted_no_file_is_named(declared: SmallDossier) -> None:
    values = croissant(declared.subject_without_data())
    assert not values.keys() & {"distribution", "recordSet"}
    metadata, _ = read_croissant(values)
    assert metadata.distribution == []


def test_terms_of_responsible_use_are_those_that_evidence_answers(
    small: SmallDossier, declared: SmallDossier
) -> None:
    values = croissant(declared.subject())
    assert values["rai:dataReleaseMaintenancePlan"] == "rows: 60 months (a law)"
    assert values["rai:personalSensitiveInformation"] == "sex"
    assert "Example Bank" in values["rai:dataCollection"]
    assert not values.keys() & set(OF_PEOPLE)
    # Without signed sections the same terms are absent, and nothing stands in for them.
    absent = {"rai:dataReleaseMaintenancePlan", "rai:personalSensitiveInformation"}
    assert not croissant(small.subject()).keys() & absent


def test_a_file_that_was_changed_since_says_nothing(fresh: SmallDossier) -> None:
    (fresh.folder / "data" / "tiny" / "admit" / "sources.json").write_text("{}")
    assert "rai:dataCollection" not in croissant(fresh.subject())


def test_it_is_written_into_the_folder(small: SmallDossier) -> None:
    values = json.loads(small.dossier().files["data.croissant.json"])
    assert values["conformsTo"] == list(CONFORMS_TO)


@pytest.mark.parametrize("is_declared", [True, False])
def test_mlcroissant_reads_it(
    small: SmallDossier, declared: SmallDossier, is_declared: bool
) -> None:
    dossier = declared if is_declared else small
    metadata, warnings = read_croissant(croissant(dossier.subject()))
    (file,) = metadata.distribution
    assert file.sha256 == digest("redact/rows.parquet")
    assert metadata.data_preprocessing_protocol
    # It recommends what rows about people do not have: a licence, and how to cite them.
    recommended = [warning.partition('"')[2].partition('"')[0] for warning in warnings]
    assert recommended == [
        "http://mlcommons.org/croissant/citeAs",
        "https://schema.org/license",
    ]


def test_mlcroissant_refuses_a_file_without_a_digest(declared: SmallDossier) -> None:
    values = croissant(declared.subject())
    del values["distribution"][0]["sha256"]
    with pytest.raises(Exception, match="sha256"):
        read_croissant(values)
