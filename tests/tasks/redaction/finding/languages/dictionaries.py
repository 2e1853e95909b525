"""Dictionaries of a dozen words in place of the package's, so that a test says what is known."""

import sys
from types import ModuleType

import pytest

WORDS = {
    "de": "Vertrag Rechnung Kunde Kunden Kundin Heide essen und der die hat ist rief an wohnt in",
    "fr": "contrat facture client cliente tour pierre habite la le a appelé est en rue",
    "es": "contrato factura cliente vive la el llamó ayer en calle dan",
}


class Factory:
    """Stands for `simplemma`'s: gives the dictionary of a language."""

    def get_dictionary(self, language: str) -> dict[str, str]:
        return {word: word for word in WORDS[language].split()}


def install(patch: pytest.MonkeyPatch) -> None:
    """Put the small dictionaries in place of the package's, installed or not."""
    parent = "simplemma.strategies.dictionaries"
    for name in ("simplemma", "simplemma.strategies", parent):
        patch.setitem(sys.modules, name, ModuleType(name))
    module = ModuleType("dictionary_factory")
    module.DefaultDictionaryFactory = Factory  # type: ignore[attr-defined]
    patch.setitem(sys.modules, f"{parent}.dictionary_factory", module)
