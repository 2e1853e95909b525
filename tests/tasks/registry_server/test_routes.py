"""Every route that MLflow serves is classified, and no other; what is not listed is refused."""

from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.registry_server.routes import (
    ALLOWED,
    RegistryRole,
    RouteClass,
    RouteTable,
    ServedRoute,
    read_classes,
)


@pytest.fixture(scope="module")
def table() -> RouteTable:
    from mlflow.server import app as flask
    from mlflow.server.fastapi_app import create_fastapi_app

    return RouteTable(create_fastapi_app(flask), flask)


def test_the_list_is_what_the_installed_mlflow_serves(table: RouteTable) -> None:
    """After an upgrade: give each new route a class, and take out what is gone."""
    listed = set(read_classes())
    assert table.pairs() - listed == set(), "new: classify them in routes.yaml"
    assert listed - table.pairs() == set(), "served no longer"
    assert len(listed) > 400


def test_a_route_of_both_routers_is_found_by_the_one_that_serves_it(table: RouteTable) -> None:
    path = "/api/2.0/mlflow-artifacts/artifacts/1/a/b"
    native = table.find("PUT", path)
    flask = table.find("DELETE", path)  # FastAPI has the path, and not this method
    assert native is not None
    assert native.template.endswith("{artifact_path:path}")
    assert flask is not None
    assert flask.template.endswith("<path:artifact_path>")


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/registered-models/create/",
        "/API/2.0/mlflow/registered-models/create",
        "/api/2.0/mlflow/registered-models/Create",
        "/api/2.0/mlflow/registered-models/create;x",
        "/api/2.0/mlflow/registered-models%2Fcreate",
        "/mlflow/api/2.0/mlflow/registered-models/create",
        "",
    ],
)
def test_another_spelling_of_a_path_is_no_route(table: RouteTable, path: str) -> None:
    assert table.find("POST", path) is None


def test_a_second_slash_that_flask_merges_is_the_same_route(table: RouteTable) -> None:
    """The normal form refuses it before; were it not to, the class would be the same."""
    route = table.find("POST", "//api/2.0/mlflow/registered-models/create")
    assert route is not None
    assert route.route_class is RouteClass.REGISTRY


def test_head_is_a_get_and_options_has_no_class(table: RouteTable) -> None:
    path = "/api/2.0/mlflow/runs/get"
    head = table.find("HEAD", path)
    options = table.find("OPTIONS", path)
    assert head is not None
    assert head.route_class is RouteClass.READ
    assert options is not None
    assert options.route_class is None


def test_nobody_has_what_is_unclassified_or_closed() -> None:
    everybody = frozenset(RegistryRole)
    assert not ServedRoute("GET", "/new", None).is_open_to(everybody)
    assert not ServedRoute("GET", "/jobs", RouteClass.CLOSED).is_open_to(everybody)
    assert ServedRoute("GET", "/a", RouteClass.READ).is_open_to(everybody)
    assert not ServedRoute("GET", "/a", RouteClass.READ).is_open_to(frozenset())


def test_the_registry_is_the_gatekeeper_s_alone() -> None:
    holders = [role for role in RegistryRole if RouteClass.REGISTRY in ALLOWED[role]]
    assert holders == [RegistryRole.GATEKEEPER]
    changing = {
        pair
        for pair, route_class in read_classes().items()
        if ("registered-models" in pair[1] or "model-versions" in pair[1])
        and pair[0] != "GET"
        and not pair[1].endswith("get-latest-versions")
    }
    assert {read_classes()[pair] for pair in changing} == {RouteClass.REGISTRY}
    assert len(changing) == 28


def test_graphql_can_change_nothing() -> None:
    """It is classified as reading, by one route for all of its questions."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    # Two that search, and one that echoes a text.
    mutations = schema.graphql_schema.mutation_type
    assert set(mutations.fields if mutations else ()) <= {
        "mlflowSearchRuns",
        "mlflowSearchDatasets",
        "testMutation",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("read: ['GET /a']\nopen: ['GET /b']\n", "another"),
        ("read: ['GET {api}/a']\ntrack: ['GET /api/a']\n", "GET /api/a twice"),
    ],
)
def test_a_list_that_says_two_things_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_classes(path)
    assert error.value.found == found
