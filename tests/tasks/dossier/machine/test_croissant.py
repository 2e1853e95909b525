"""Croissant's metadata name the rows by digest, and no address from which to fetch them."""

import json

from tasks.dossier.machine.croissant import croissant
from tests.tasks.dossier.making import SmallDossier
from tests.tasks.verifier.signed_log import digest


def test_the_rows_are_named_by_their_digest(small: SmallDossier) -> None:
    (file,) = croissant(small.subject())["distribution"]
    assert file["sha256"] == digest("redact/rows.parquet")
    assert "://" not in file["contentUrl"]


def test_columns_that_nobody_signed_for_are_not_listed(small: SmallDossier) -> None:
    columns = {"income": {"role": "feature", "kind": "number"}}
    assert "recordSet" not in croissant(small.subject(columns=columns))


def test_it_is_written_into_the_folder(small: SmallDossier) -> None:
    values = json.loads(small.dossier().files["data.croissant.json"])
    assert values["conformsTo"] == "http://mlcommons.org/croissant/1.0"
