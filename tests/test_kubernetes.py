"""The manifests of `deploy/kubernetes`: read by Kubernetes' own schema, and by our own checks.

Each check is shown a fault of its kind and has to name it. No cluster is there to start them.
"""

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it has no types
import pytest
import yaml

from tasks.attestation.artefacts import artefact
from tasks.clearance.configuration import POLICY
from tasks.errors import ConfigError
from tasks.registry_server.configuring import read_config
from tasks.registry_store.configuring import read_store_config
from tasks.secrets.declaring import read_secrets_file
from tasks.settings import PREFIX, known_names
from tests.manifests import (
    KUBERNETES,
    Manifests,
    containers_of,
    dangling,
    needed_flows,
    shown_secrets,
    unpinned,
    unprobed,
    unrestricted,
    wrong_flows,
)

KUBERNETES_VERSION = "1.37"
DEPLOY = KUBERNETES.parent
BASE = Manifests.read()
Check = Callable[[Manifests], list[str]]


def texts_of_deploy() -> dict[str, str]:
    """Return every committed file of `deploy/`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
    listed = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=True)
    return {name: (DEPLOY / name).read_text() for name in listed.stdout.splitlines()}


def secrets_in(manifests: Manifests) -> list[str]:
    return shown_secrets(texts_of_deploy(), manifests)


CHECKS: list[Check] = [unrestricted, unpinned, unprobed, secrets_in, wrong_flows, dangling]


@pytest.mark.parametrize(
    "item", BASE.objects, ids=lambda item: f"{item['kind']} {item['metadata']['name']}"
)
def test_kubernetes_reads_every_field(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_base_is_as_it_should_be(check: Check) -> None:
    assert check(BASE) == []


# Faults, each of which its check has to name


def pod(manifests: Manifests, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifests.workloads()[name]["spec"]
    return spec


def container(manifests: Manifests, name: str, position: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = pod(manifests, name)["containers"][position]
    return found


def policy(manifests: Manifests, name: str) -> dict[str, Any]:
    (found,) = [
        item["spec"]
        for item in manifests.of_kind("NetworkPolicy")
        if item["metadata"]["name"] == name
    ]
    spec: dict[str, Any] = found
    return spec


def set_variable(manifests: Manifests, name: str, variable: str, value: str) -> None:
    container(manifests, name).setdefault("env", []).append({"name": variable, "value": value})


FAULTS: list[tuple[Check, str, Callable[[Manifests], object]]] = [
    (unrestricted, "root", lambda m: pod(m, "worker")["securityContext"].update(runAsUser=0)),
    (
        unrestricted,
        "no seccomp profile",
        lambda m: pod(m, "prefect")["securityContext"].pop("seccompProfile"),
    ),
    (unrestricted, "the node's network", lambda m: pod(m, "registry").update(hostNetwork=True)),
    (
        unrestricted,
        "a folder of the node",
        lambda m: pod(m, "worker")["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ),
    (
        unrestricted,
        "a token of the API",
        lambda m: pod(m, "worker").update(automountServiceAccountToken=True),
    ),
    (
        unrestricted,
        "another's account",
        lambda m: pod(m, "worker").update(serviceAccountName="registry"),
    ),
    (
        unrestricted,
        "privileges",
        lambda m: container(m, "openbao")["securityContext"].update(allowPrivilegeEscalation=True),
    ),
    (
        unrestricted,
        "a capability",
        lambda m: container(m, "openbao")["securityContext"].update(
            capabilities={"drop": ["ALL"], "add": ["IPC_LOCK"]}
        ),
    ),
    (
        unrestricted,
        "a root that is written to",
        lambda m: container(m, "database")["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    (
        unrestricted,
        "in what runs first",
        lambda m: pod(m, "worker")["initContainers"][0].pop("securityContext"),
    ),
    (
        unrestricted,
        "no limit of memory",
        lambda m: container(m, "worker")["resources"]["limits"].pop("memory"),
    ),
    (
        unrestricted,
        "a namespace that enforces less",
        lambda m: m.of_kind("Namespace")[0]["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    (unpinned, "a tag", lambda m: container(m, "worker").update(image="images.example/p:1.0")),
    (unpinned, "neither", lambda m: container(m, "registry", 1).update(image="images.example/p")),
    (
        unpinned,
        "half a digest",
        lambda m: container(m, "openbao").update(image="images.example/b@sha256:" + "a" * 63),
    ),
    (unprobed, "no probe", lambda m: container(m, "registry", 1).pop("livenessProbe")),
    (
        secrets_in,
        "a password",
        lambda m: set_variable(m, "database", "POSTGRES_PASSWORD", "winter"),
    ),
    (
        secrets_in,
        "a URL with one",
        lambda m: set_variable(m, "worker", "PORTCULLIS_LEDGER_URL", "postgresql://a:b@database/l"),
    ),
    (
        secrets_in,
        "a variable from a Secret",
        lambda m: container(m, "worker")["env"].append(
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "worker", "key": "x"}}}
        ),
    ),
    (
        secrets_in,
        "a Secret",
        lambda m: m.objects.append({"kind": "Secret", "metadata": {"name": "worker"}}),
    ),
    (wrong_flows, "no way out", lambda m: policy(m, "from-worker")["egress"].pop(0)),
    (wrong_flows, "no way in", lambda m: policy(m, "to-database")["ingress"][0]["from"].pop()),
    (
        wrong_flows,
        "a way in that nobody needs",
        lambda m: policy(m, "to-openbao")["ingress"][0]["from"].append(
            {"podSelector": {"matchLabels": {"app": "prefect"}}}
        ),
    ),
    (
        wrong_flows,
        "a way out that nobody needs",
        lambda m: policy(m, "to-siem")["podSelector"]["matchExpressions"][0]["values"].append(
            "worker"
        ),
    ),
    (
        wrong_flows,
        "a setting that leads elsewhere",
        lambda m: set_variable(m, "prefect", "X", "https://elsewhere.example/x"),
    ),
    (
        wrong_flows,
        "another port in a file",
        lambda m: m.files["registry-config"].update(
            {
                "secrets.yaml": m.files["registry-config"]["secrets.yaml"].replace(
                    "openbao:8200", "openbao:8300"
                )
            }
        ),
    ),
    (
        wrong_flows,
        "people at another port",
        lambda m: policy(m, "people-to-registry")["ingress"][0]["ports"][0].update(port=5000),
    ),
    (
        wrong_flows,
        "a way in for everybody",
        lambda m: policy(m, "to-database")["ingress"].append({"ports": [{"port": 5432}]}),
    ),
    (
        wrong_flows,
        "a way out of every pod",
        lambda m: policy(m, "names-of-hosts")["egress"][0]["to"][0].pop("podSelector"),
    ),
    (wrong_flows, "nothing denied", lambda m: policy(m, "default-deny").update(ingress=[{}])),
    (dangling, "a volume that is not there", lambda m: pod(m, "worker")["volumes"].pop()),
    (
        dangling,
        "a service without a server",
        lambda m: container(m, "registry")["ports"][0].update(name="other"),
    ),
    (
        dangling,
        "a port of every node",
        lambda m: m.of_kind("Service")[0]["spec"].update(type="NodePort"),
    ),
]


@pytest.mark.parametrize(
    ("check", "make_fault"),
    [(check, fault) for check, _, fault in FAULTS],
    ids=[f"{check.__name__}: {name}" for check, name, _ in FAULTS],
)
def test_a_fault_is_named(check: Check, make_fault: Callable[[Manifests], object]) -> None:
    manifests = copy.deepcopy(BASE)
    make_fault(manifests)
    assert check(manifests) != []


def test_a_key_in_any_file_is_named() -> None:
    key = "-----BEGIN EC " + "PRIVATE KEY-----"
    assert shown_secrets({"registry/tls.key": key}, BASE) == [
        "registry/tls.key: looks like a secret"
    ]


def test_the_settings_connect_to_what_they_should() -> None:
    # Without this, a check that reads no setting at all would find every policy needless, or none.
    assert {
        ("registry", "database", 5432),
        ("registry", "openbao", 8200),
        ("registry", "login.example", 443),
        ("registry", "s3.example", 443),
        ("registry", "siem.example", 6514),
        ("worker", "registry", 8443),
        ("worker", "prefect", 4200),
        ("deployments", "prefect", 4200),
    } <= set(needed_flows(BASE))


def test_only_the_proxy_listens_beyond_the_pod_of_the_registry() -> None:
    listening = {
        item["name"] for item in containers_of(BASE.workloads()["registry"]) if item.get("ports")
    }
    assert listening == {"proxy"}
    assert "--host=127.0.0.1" in container(BASE, "registry", 1)["command"]
    assert "proxy_pass http://127.0.0.1:5000;" in BASE.files["proxy-config"]["nginx.conf"]


@pytest.mark.parametrize("name", BASE.workloads())
def test_a_pod_sets_no_variable_that_nothing_reads(name: str) -> None:
    names = {
        variable["name"].removesuffix("_FILE")
        for item in containers_of(BASE.workloads()[name])
        for variable in item.get("env", [])
        if variable["name"].startswith(PREFIX)
    }
    assert names <= known_names()


# The files that containers and pods mount


def test_the_server_s_configuration_is_one() -> None:
    config = read_config(DEPLOY / "registry" / "server.yaml")
    assert config.is_secure
    assert config.most_artifact_bytes == 2 << 30  # as the proxy's `client_max_body_size 2g`
    assert "client_max_body_size 2g;" in BASE.files["proxy-config"]["nginx.conf"]


@pytest.mark.parametrize("name", ["secrets.yaml", "secrets-approle.yaml"])
def test_a_file_of_references_holds_references(name: str) -> None:
    read = read_secrets_file(DEPLOY / "registry" / name)
    assert read.bao is not None
    assert set(read.databases) == {"database:5432/mlflow"}


def test_the_store_s_configuration_is_refused_until_its_ids_are_replaced(tmp_path: Path) -> None:
    committed = DEPLOY / "registry" / "store.yaml"
    with pytest.raises(ConfigError):
        read_store_config(committed)
    replaced = tmp_path / "store.yaml"
    text = committed.read_text().replace("/opt/portcullis", str(DEPLOY.parent))
    policy_sha256 = artefact(DEPLOY.parent, POLICY).sha256
    text = text.replace("policies: [REPLACE]", f"policies: [{policy_sha256}]")
    replaced.write_text(text.replace("REPLACE", "a" * 64))
    assert read_store_config(replaced).serving_aliases == ("champion",)


def test_both_ways_to_log_in_lead_to_the_same_secrets() -> None:
    jwt, approle = (
        yaml.safe_load((DEPLOY / "registry" / name).read_text())
        for name in ("secrets.yaml", "secrets-approle.yaml")
    )
    assert (jwt["secrets"], jwt["databases"]) == (approle["secrets"], approle["databases"])


# The overlay


def test_the_overlay_replaces_what_the_base_has() -> None:
    overlay = yaml.safe_load((KUBERNETES / "example" / "kustomization.yaml").read_text())
    there = {(item["kind"], item["metadata"]["name"]) for item in BASE.objects}
    assert {(p["target"]["kind"], p["target"]["name"]) for p in overlay["patches"]} <= there
    outside = {
        item["metadata"]["name"]
        for item in BASE.of_kind("NetworkPolicy")
        if "ipBlock" in str(item["spec"])
    }
    replaced = {p["target"]["name"] for p in overlay["patches"] if p["target"]["kind"] != "Service"}
    assert replaced == outside


def test_no_digest_is_invented_and_every_image_has_its_line() -> None:
    text = (KUBERNETES / "example" / "kustomization.yaml").read_text()
    names = {item["image"] for spec in BASE.workloads().values() for item in containers_of(spec)}
    assert {name for name in names if f"name: {name}, newName" in text} == names
    assert "sha256:…" in text
