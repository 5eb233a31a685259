"""The Kubernetes examples, as far as can be seen without a cluster: what refers to what, and what
the house makes of it."""

from typing import Any

import pytest

from runtime.cli import OF_GATEWAYS, OF_WRITERS
from runtime.cluster.engine_process import LEAVE_MS
from runtime.doors import DRAIN_SECONDS
from tests.deploy.files import SETTINGS, Document, compose, config_of, instruction, kubernetes

WORKLOADS = ("Deployment", "StatefulSet")
HOUSES = {"engine": "StatefulSet", "gateway": "Deployment"}


def documents(*kinds: str) -> list[Document]:
    """All of these kinds."""
    found = [document for file in kubernetes().values() for document in file]
    return [document for document in found if document["kind"] in kinds]


def named(kind: str, name: str) -> Document:
    """The one of this kind and name."""
    (found,) = (d for d in documents(kind) if d["metadata"]["name"] == name)
    return found


def house(role: str) -> tuple[Document, Document]:
    """The pods' specification of engines or gateways, and their one container."""
    pod: Document = named(HOUSES[role], f"outcry-{role}")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def environment(role: str) -> dict[str, str]:
    """What a process would find, the image's settings first."""
    found = dict(pair.split("=", 1) for pair in instruction("house", "ENV").split())
    _, container = house(role)
    for source in container["envFrom"]:
        found |= named("ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container["env"]:
        found[variable["name"]] = variable.get("value") or value_from(variable["valueFrom"])
    return found


def value_from(source: dict[str, Any]) -> str:
    """The value that is named by reference."""
    if "fieldRef" in source:
        of_pod = {"metadata.name": "outcry-engine-0", "status.podIP": "10.1.2.3"}
        return of_pod[source["fieldRef"]["fieldPath"]]
    asked = source["secretKeyRef"]
    value: str = named("Secret", asked["name"])["stringData"][asked["key"]]
    return value


def is_part(part: dict[str, str], whole: dict[str, str]) -> bool:
    """Whether a selector selects these labels."""
    return part.items() <= whole.items()


def test_all_files_are_applied_but_the_secret() -> None:
    """The kustomization names them, and the image that the others name."""
    (kustomization,) = documents("Kustomization")
    files = set(kubernetes()) - {"kustomization.yaml", "secret.example.yaml"}
    assert set(kustomization["resources"]) == files
    assert [image["name"] for image in kustomization["images"]] == ["outcry"]
    for role in HOUSES:
        assert house(role)[1]["image"] == "outcry"


def test_selectors_select() -> None:
    """Workloads their own pods; services and budgets exactly one workload's."""
    labels = {}
    for workload in documents(*WORKLOADS):
        spec = workload["spec"]
        labels[workload["metadata"]["name"]] = spec["template"]["metadata"]["labels"]
        assert is_part(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"])
    for document in documents("Service", "PodDisruptionBudget"):
        selector = document["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        selected = [name for name, found in labels.items() if is_part(selector, found)]
        assert selected == [document["metadata"]["name"]]


def test_ports_have_their_names() -> None:
    """Services point at ports of their pods, and the house listens there."""
    for service in documents("Service"):
        name = service["metadata"]["name"]
        (workload,) = (w for w in documents(*WORKLOADS) if w["metadata"]["name"] == name)
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports
    for role, kind in HOUSES.items():
        _, container = house(role)
        template = named(kind, f"outcry-{role}")["spec"]["template"]
        (port,) = container["ports"]
        listening = config_of(environment(role)).port
        assert port["containerPort"] == listening
        assert template["metadata"]["annotations"]["prometheus.io/port"] == str(listening)


def test_the_redis_that_is_named_is_there() -> None:
    """Under the port of its service; and it is that of compose, which is tried in tests."""
    redis = named("Service", "outcry-redis")
    (port,) = redis["spec"]["ports"]
    assert config_of(environment("gateway")).redis == f"redis://outcry-redis:{port['port']}"
    (container,) = named("Deployment", "outcry-redis")["spec"]["template"]["spec"]["containers"]
    here = [word for word in container["args"] if not word.endswith("mb")]
    assert here == [w for w in compose()["services"]["redis"]["command"] if not w.endswith("mb")]
    assert container["image"] == compose()["services"]["redis"]["image"]


@pytest.mark.parametrize("role", HOUSES)
def test_the_house_understands_its_settings(role: str) -> None:
    """Each variable is a setting, of this kind of process, and can be used."""
    found = environment(role)
    config = config_of(found)
    foreign = OF_GATEWAYS if role == "engine" else OF_WRITERS
    own = {variable["name"] for variable in house(role)[1]["env"]}
    assert not {SETTINGS[name] for name in own} & foreign
    assert house(role)[1]["args"] == [role]
    assert config.name
    assert bool(config.postgres) == (role == "engine")
    (mount,) = house(role)[1]["volumeMounts"]
    assert mount["mountPath"] == config.data


def test_names_of_engines_are_names() -> None:
    """A pod's name is one that an engine may have, however many there are."""
    for number in (0, 99):
        name = {"OUTCRY_NAME": f"outcry-engine-{number}"}
        assert config_of(environment("engine") | name).name == name["OUTCRY_NAME"]


@pytest.mark.parametrize("role", HOUSES)
def test_there_is_time_to_stop(role: str) -> None:
    """Before the kill: what happens before SIGTERM, and what the process may take after it."""
    pod, container = house(role)
    before_s = 0
    if "lifecycle" in container:
        program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
        assert program == "sleep"
        before_s = int(seconds)
    after_s = LEAVE_MS / 1_000 if role == "engine" else DRAIN_SECONDS
    assert pod["terminationGracePeriodSeconds"] > before_s + 1.5 * after_s


@pytest.mark.parametrize("role", HOUSES)
def test_nothing_is_done_as_root(role: str) -> None:
    """By the user that the image has, without a way to become another."""
    pod, container = house(role)
    user = int(instruction("house", "USER").partition(":")[0])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == user == pod["securityContext"]["fsGroup"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_gateways_are_counted_once() -> None:
    """By the autoscaler, which means this deployment, and never lets the last one go."""
    (scaler,) = documents("HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    deployment = named(target["kind"], target["name"])
    assert deployment["apiVersion"] == target["apiVersion"]
    assert "replicas" not in deployment["spec"]
    assert scaler["spec"]["minReplicas"] >= 2


def test_volumes_are_claimed() -> None:
    """What is mounted is declared, and what is declared is claimed by many at once."""
    for role in HOUSES:
        pod, container = house(role)
        assert [m["name"] for m in container["volumeMounts"]] == [v["name"] for v in pod["volumes"]]
        (volume,) = pod["volumes"]
        claim = named("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
