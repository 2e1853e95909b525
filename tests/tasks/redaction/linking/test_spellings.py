"""How German, French and Spanish write the row's own person, and what stays nobody's."""

from pathlib import Path

import pytest

from tasks.redaction.finding.lexicon import load_lexicon
from tasks.redaction.linking import RowLinker
from tasks.redaction.linking.spellings import SPELLINGS
from tasks.redaction.spans import mask

LEXICON = load_lexicon(Path("no model"))
LINKERS = {code: RowLinker(LEXICON, {}, code) for code in ("en", "de", "fr", "es")}

SAME = [
    ("de", "name", "Jürgen Müller", "Herr Mueller und Juergen", "Herr [OWN_NAME] und [OWN_NAME]"),
    ("de", "name", "Kai Strauss", "Frau Strauß rief an", "Frau [OWN_NAME] rief an"),
    ("de", "name", "Eva Weiß", "Frau Weiss rief an", "Frau [OWN_NAME] rief an"),
    ("de", "name", "Uta von der Heide", "Frau VON DER HEIDE, Uta", "Frau [OWN_NAME]"),
    ("de", "street", "Hauptstraße 12", "in der Hauptstr. 12 wohnt", "in der [OWN_STREET] wohnt"),
    ("de", "street", "Karlstr. 7a", "KARLSTRASSE 7A", "[OWN_STREET]"),
    ("de", "street", "Lange Straße 5", "in der Langen Gasse 5", None),
    ("de", "city", "Köln", "50667 Koeln", "[OWN_CITY]"),
    ("de", "date", "1980-05-03", "am 3. Mai 1980", "am [OWN_DATE]"),
    ("de", "date", "1980-05-03", "am 13. Mai 1980", None),
    ("fr", "name", "Zoé Lefèvre", "Mme LEFEVRE (Zoe)", "Mme [OWN_NAME] ([OWN_NAME])"),
    ("fr", "street", "12 rue de la République", "r. de la Republique, 12", "[OWN_STREET]"),
    ("fr", "street", "3 av. Foch", "au 3 avenue Foch", "au [OWN_STREET]"),
    ("fr", "date", "1980-08-01", "le 1er août 1980", "le [OWN_DATE]"),
    ("fr", "city", "Lyon", "69002 LYON", "[OWN_CITY]"),
    ("es", "name", "José García Márquez", "el Sr. Marquez Garcia", "el Sr. [OWN_NAME]"),
    ("es", "street", "Calle Mayor 5", "C/ Mayor, nº 5", "[OWN_STREET]"),
    ("es", "date", "1980-05-03", "el 3 de mayo de 1980", "el [OWN_DATE]"),
    ("en", "date", "1980-05-03", "am 3. Mai 1980", "am [OWN_DATE]"),
]


@pytest.mark.parametrize(("code", "kind", "value", "text", "masked"), SAME)
def test_the_row_s_own_value_is_found_as_the_language_writes_it(
    code: str, kind: str, value: str, text: str, masked: str | None
) -> None:
    spans = tuple(LINKERS[code].link(text, [(kind, value)]))
    assert mask(text, spans) == (masked or text)


@pytest.mark.parametrize("code", sorted(SPELLINGS))
def test_a_street_without_a_telling_name_and_a_date_that_is_none_are_not_looked_for(
    code: str,
) -> None:
    assert list(SPELLINGS[code].streets("rue strasse calle 5", "rue 5")) == []
    assert list(SPELLINGS[code].dates("am 3. mai", "no date")) == []
