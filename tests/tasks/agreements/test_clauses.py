"""Which clauses the law asks for."""

from tasks.agreements.clauses import BY_ROLE, required_clauses
from tasks.config.sources import FileSource


def test_every_role_of_a_source_has_its_clauses() -> None:
    annotation = FileSource.model_fields["role"].annotation
    assert set(BY_ROLE) == set(annotation.__args__)  # type: ignore[union-attr]


def test_a_processor_has_the_subject_and_all_eight_letters() -> None:
    clauses = required_clauses("processor", is_business_associate=False)
    letters = [f"GDPR 28(3)({letter})" for letter in "abcdefgh"]
    assert list(clauses) == ["GDPR 28(3)", *letters]
