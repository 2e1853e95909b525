"""Every method that MLflow's registry store has is classified; an upgrade that brings one fails."""

from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from tasks.registry_store.methods import METHODS, MethodClass
from tasks.registry_store.store import EvidenceStore


def public_names(store: type) -> set[str]:
    return {name for name in dir(store) if not name.startswith("_")}


def test_every_method_of_mlflow_s_store_is_classified() -> None:
    assert public_names(AbstractStore) == set(METHODS)


def test_what_mlflow_s_own_store_has_besides_is_not_offered() -> None:
    more = public_names(SqlAlchemyStore) - set(METHODS)
    assert more == {"CREATE_MODEL_VERSION_RETRIES"}
    assert not more & public_names(EvidenceStore)


def test_no_method_runs_mlflow_s_body_unless_it_is_let_through() -> None:
    for name, kind in METHODS.items():
        if name != "supports_workspaces":
            assert getattr(EvidenceStore, name) is not getattr(AbstractStore, name), name
        own = name in vars(EvidenceStore)
        assert own, (name, kind)


def test_what_asks_for_evidence_has_a_body_of_its_own() -> None:
    of_evidence = {name for name, kind in METHODS.items() if kind is MethodClass.EVIDENCE}
    generated = {
        name for name in of_evidence if getattr(EvidenceStore, name).__qualname__.startswith("_re")
    }
    assert generated == set()
