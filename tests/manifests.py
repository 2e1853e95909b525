"""What the manifests of `deploy/kubernetes` have to be: checks, with a line for each fault.

A schema says whether Kubernetes reads a manifest; these say whether it is what it should be: every
pod restricted, every flow allowed that the settings need and none besides, every image pinned, no
secret's value anywhere, nothing that listens where nobody meant it to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

KUBERNETES = Path(__file__).parents[1] / "deploy" / "kubernetes"
NOT_PULLED = ".image.invalid"  # RFC 2606: no registry serves it
PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")
CONNECTS = "portcullis.example/connects"
STANDS_FOR = "portcullis.example/host"
PORTS = {"https": 443, "http": 80, "postgresql": 5432, "s3": None}
ADDRESS = re.compile(r"\b([a-z0-9]+(?:\+[a-z0-9]+)?)://([a-z0-9.-]+(?::\d+)?)")
PLACE = re.compile(r"(?m)^ +([a-z0-9.-]+):(\d+)/[a-z0-9_]+:")  # a key of `databases:`
SERVER_NAME = re.compile(r"server_name ([^;]+);")
ORIGIN = re.compile(r"(?m)^origin: \S+$")
SECRET_NAME = re.compile("PASSWORD|SECRET|TOKEN|ACCESS_KEY|_KEY$|DATABASE_URL|CONNECTION_URL|_URI$")
SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@…]+@|\bAKIA[0-9A-Z]{16}\b|\bhvs\.\w+"
    r"|\bs\.[A-Za-z0-9]{24}\b|eyJ[\w-]{10,}\.[\w-]{10,}"
)
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PEOPLE = "people"
ANYBODY = "anybody"
ANY_PORT = 0
REFERENCES = "PORTCULLIS_SECRETS"  # names a file

NAME_SERVERS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}

Flow = tuple[str, str, int]  # from a workload, to another or to a host, at a port


@dataclass(frozen=True)
class Manifests:
    """Every object of a base, and the files that its generated ConfigMaps hold."""

    objects: list[dict[str, Any]]
    files: dict[str, dict[str, str]] = field(default_factory=dict)  # by the ConfigMap's name

    @classmethod
    def read(cls, folder: Path = KUBERNETES / "base") -> "Manifests":
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        objects = [
            item
            for name in kustomization["resources"]
            for item in yaml.safe_load_all((folder / name).read_text())
        ]
        files = {
            generated["name"]: {
                Path(path).name: (folder / path).read_text() for path in generated["files"]
            }
            for generated in kustomization["configMapGenerator"]
        }
        return cls(objects, files)

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [item for item in self.objects if item["kind"] in kinds]

    def workloads(self) -> dict[str, dict[str, Any]]:
        """Return the pod template of each workload, by its label `app`."""
        templates = [
            item["spec"]["template"] for item in self.objects if "template" in item.get("spec", {})
        ]
        return {template["metadata"]["labels"]["app"]: template for template in templates}

    def mounted_texts(self, template: dict[str, Any]) -> list[str]:
        """Return the configuration files of a pod, without their comments."""
        named = [volume.get("configMap", {}).get("name") for volume in template["spec"]["volumes"]]
        texts = [text for name in named for text in self.files.get(name, {}).values()]
        return [re.sub(r"(?m)(^|\s)#.*$", "", text) for text in texts]


def containers_of(template: dict[str, Any]) -> list[dict[str, Any]]:
    spec = template["spec"]
    return [*spec["containers"], *spec.get("initContainers", [])]


def unrestricted(manifests: Manifests) -> list[str]:
    """Return where a pod is less than the Pod Security Standard `restricted` asks, and we."""
    faults = []
    for name, template in manifests.workloads().items():
        spec = template["spec"]
        pod = spec.get("securityContext", {})
        demanded = {
            "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
            "has no seccomp profile": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "shares the node": not any(
                spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")
            ),
            "mounts what is not its own": all(
                set(volume) - {"name"} <= RESTRICTED_VOLUMES for volume in spec["volumes"]
            ),
            "gets a token of the API": spec.get("automountServiceAccountToken") is False,
            "has no account of its own": spec.get("serviceAccountName") == name,
            "finds other services in its variables": spec.get("enableServiceLinks") is False,
        }
        faults += [f"{name}: {fault}" for fault, is_met in demanded.items() if not is_met]
        for container in containers_of(template):
            faults += _faults_of_container(f"{name}/{container['name']}", container)
    for account in manifests.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            faults.append(f"{account['metadata']['name']}: the account's token is mounted")
    (namespace,) = manifests.of_kind("Namespace")
    if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        faults.append("the namespace enforces nothing")
    return faults


def _faults_of_container(name: str, container: dict[str, Any]) -> list[str]:
    context = container.get("securityContext", {})
    limits = container.get("resources", {}).get("limits", {})
    demanded = {
        "may gain privileges": context.get("allowPrivilegeEscalation") is False,
        "has capabilities": context.get("capabilities") == {"drop": ["ALL"]},
        "writes to its root": context.get("readOnlyRootFilesystem") is True,
        "is privileged": not context.get("privileged"),
        "runs as another account than its pod": not {"runAsUser", "runAsNonRoot"} & set(context),
        "has no limits": {"cpu", "memory"} <= set(limits),
        "opens a port of the node": not any("hostPort" in p for p in container.get("ports", [])),
    }
    return [f"{name}: {fault}" for fault, is_met in demanded.items() if not is_met]


def unpinned(manifests: Manifests) -> list[str]:
    """Return every image that neither has a digest nor is one that no node can pull."""
    return [
        f"{name}: {container['image']}"
        for name, template in manifests.workloads().items()
        for container in containers_of(template)
        if not (
            PINNED.fullmatch(container["image"])
            or container["image"].rpartition("/")[2].endswith(NOT_PULLED)
        )
    ]


def unprobed(manifests: Manifests) -> list[str]:
    """Return every server that nobody asks whether it is ready, and alive."""
    return [
        f"{name}/{container['name']}: no {probe}"
        for name, template in manifests.workloads().items()
        for container in template["spec"]["containers"]
        if container.get("ports") or container["name"] == name == "registry"
        for probe in ("readinessProbe", "livenessProbe")
        if probe not in container
    ]


def shown_secrets(texts: dict[str, str], manifests: Manifests) -> list[str]:
    """Return where a secret's value stands, or could: only files and references are allowed."""
    faults = [f"{name}: looks like a secret" for name, t in texts.items() if SECRET_TEXT.search(t)]
    faults += [f"Secret {item['metadata']['name']}" for item in manifests.of_kind("Secret")]
    for name, template in manifests.workloads().items():
        for container in containers_of(template):
            for variable in container.get("env", []):
                if "valueFrom" in variable:
                    faults.append(f"{name}/{container['name']}: {variable['name']} is not a file")
                elif _may_be_secret(variable["name"], variable["value"]):
                    faults.append(f"{name}/{container['name']}: {variable['name']}")
            if container.get("envFrom"):
                faults.append(f"{name}/{container['name']}: variables from outside")
    return faults


def _may_be_secret(name: str, value: str) -> bool:
    """Say whether a value could be secret: by its text, or by its name unless that means a file."""
    if SECRET_TEXT.search(value):
        return True
    if not SECRET_NAME.search(name) or name.endswith("_FILE") or name == REFERENCES:
        return False
    # The address of a server is none.
    return urlsplit(value).scheme not in ("http", "https")


def wrong_flows(manifests: Manifests) -> list[str]:
    """Return where the policies allow a flow that no setting needs, or none that one does."""
    needed = set(needed_flows(manifests))
    leaving = set(_allowed(manifests, "Egress"))
    arriving = set(_allowed(manifests, "Ingress"))
    inside = {flow for flow in needed if flow[1] in manifests.workloads()}
    from_people = {flow for flow in arriving if flow[0] == PEOPLE}

    faults = [f"may not leave, and has to: {flow}" for flow in sorted(needed - leaving)]
    faults += [f"may leave, and need not: {flow}" for flow in sorted(leaving - needed)]
    faults += [f"may not arrive, and has to: {flow}" for flow in sorted(inside - arriving)]
    unneeded = arriving - inside - from_people
    faults += [f"may arrive, and need not: {flow}" for flow in sorted(unneeded)]
    if from_people != {(PEOPLE, "registry", 8443)}:
        faults.append(f"people reach {sorted(from_people)}")
    if not any(_denies_all(policy) for policy in manifests.of_kind("NetworkPolicy")):
        faults.append("nothing is denied")
    return faults


def needed_flows(manifests: Manifests) -> Iterator[Flow]:
    """Yield what each workload connects to, by its settings, its files and its annotation."""
    for name, template in manifests.workloads().items():
        texts = manifests.mounted_texts(template)
        own = {name, "127.0.0.1"}
        own |= {
            host for text in texts for line in SERVER_NAME.findall(text) for host in line.split()
        }
        values = [
            text
            for container in containers_of(template)
            for text in (
                *container.get("command", []),
                *container.get("args", []),
                *(variable.get("value", "") for variable in container.get("env", [])),
            )
        ]
        declared = template["metadata"].get("annotations", {}).get(CONNECTS, "")
        for text in (*values, *(ORIGIN.sub("", text) for text in texts)):
            for host, port in _addresses(text):
                if host not in own:
                    yield name, host, port
        for place in declared.split():
            host, _, port_text = place.partition(":")
            yield name, host, int(port_text)


def _addresses(text: str) -> Iterator[tuple[str, int]]:
    for scheme, place in ADDRESS.findall(text):
        host, _, port = place.partition(":")
        known = PORTS.get(scheme.rpartition("+")[2])
        if port or known:
            yield host, int(port or known or 0)
    for host, port in PLACE.findall(text):
        yield host, int(port)


def _allowed(manifests: Manifests, direction: str) -> Iterator[Flow]:
    """Yield what the policies allow in one direction, each by its two ends."""
    rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    for policy in manifests.of_kind("NetworkPolicy"):
        host = policy["metadata"].get("annotations", {}).get(STANDS_FOR)
        for rule in policy["spec"].get(rules, []):
            ports = [port["port"] for port in rule.get("ports", [{"port": ANY_PORT}])]
            # A rule without peers is for everybody.
            others = [other for peer in rule.get(peers, [{}]) for other in _named(peer, host)]
            for mine in _selected(policy["spec"]["podSelector"]):
                for other in others:
                    ends = (mine, other) if direction == "Egress" else (other, mine)
                    yield from ((*ends, port) for port in ports)


def _named(peer: dict[str, Any], host: str | None) -> list[str]:
    """Return whom one line of a policy means."""
    if peer == NAME_SERVERS:
        return []  # no setting names these, and every pod asks them
    if "ipBlock" in peer:
        return [host or ANYBODY]
    return _selected(peer["podSelector"]) if set(peer) == {"podSelector"} else [ANYBODY]


def _selected(selector: dict[str, Any]) -> list[str]:
    if not selector:
        return [ANYBODY]
    if "matchLabels" in selector:
        return [selector["matchLabels"]["app"]]
    return [name for item in selector["matchExpressions"] for name in item["values"]]


def _denies_all(policy: dict[str, Any]) -> bool:
    spec = policy["spec"]
    return (
        spec["podSelector"] == {}
        and sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
        and not {"ingress", "egress"} & set(spec)
    )


def dangling(manifests: Manifests) -> list[str]:
    """Return what names something that is not there: volumes, accounts, services' ports."""
    faults = []
    accounts = {item["metadata"]["name"] for item in manifests.of_kind("ServiceAccount")}
    claims = {
        item["spec"]["template"]["metadata"]["labels"]["app"]: {
            claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])
        }
        for item in manifests.of_kind("StatefulSet")
    }
    for name, template in manifests.workloads().items():
        spec = template["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]} | claims.get(name, set())
        mounted = {
            mount["name"]
            for container in containers_of(template)
            for mount in container["volumeMounts"]
        }
        faults += [f"{name}: no volume {volume}" for volume in sorted(mounted - volumes)]
        faults += [f"{name}: {volume} is not mounted" for volume in sorted(volumes - mounted)]
        if spec["serviceAccountName"] not in accounts:
            faults.append(f"{name}: no account")
    for service in manifests.of_kind("Service"):
        listening = {
            port["name"]
            for container in containers_of(
                manifests.workloads()[service["spec"]["selector"]["app"]]
            )
            for port in container.get("ports", [])
        }
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in listening:
                faults.append(f"{service['metadata']['name']}: nothing listens at {port['name']}")
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            faults.append(f"{service['metadata']['name']}: open beyond the cluster")
    return faults
