"""What compose.yaml and docs/kubernetes set up fits what the processes read, and no secret is written out in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.settings import SERVICES, GatewaySettings
from locutor.address import Address
from services.serving import ServingSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
KUBERNETES = sorted((ROOT / "docs" / "kubernetes").glob("*.yaml"))
RESOURCES = [resource for path in KUBERNETES for resource in yaml.safe_load_all(path.read_text("utf-8"))]
OF_LIBRARIES = re.compile(r"^(AWS_|PG|POSTGRES_)")
SECRET = re.compile(r"PASSWORD|SECRET|ACCESS_KEY|TOKEN_")


def known_names() -> set[str]:
    """Every variable that the code names, or that is an option of a server."""
    code = "\n".join(path.read_text("utf-8") for folder in ("locutor", "gateway", "services") for path in (ROOT / folder).rglob("*.py"))
    found = set(re.findall(r"LOCUTOR_[A-Z_]*[A-Z]", code))
    return found | {f"LOCUTOR_{field.name.upper()}" for field in fields(ServingSettings)} | {f"LOCUTOR_{name.upper()}" for name in SERVICES}


def compose_environments() -> Iterator[tuple[str, dict[str, str]]]:
    for name, service in COMPOSE["services"].items():
        if service.get("environment"):
            # What an operator may set has a default after ":-".
            yield name, {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in service["environment"].items()}


def kubernetes_environments() -> Iterator[tuple[str, dict[str, str]]]:
    maps = {resource["metadata"]["name"]: resource["data"] for resource in RESOURCES if resource["kind"] == "ConfigMap"}
    for resource in RESOURCES:
        template = resource.get("spec", {}).get("template", {}) if resource["kind"] != "ConfigMap" else {}
        for container in template.get("spec", {}).get("containers", ()):
            environment: dict[str, str] = {}
            for source in container.get("envFrom", ()):
                environment |= maps[source["configMapRef"]["name"]]
            environment |= {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}
            yield container["name"], environment


ENVIRONMENTS = [*compose_environments(), *kubernetes_environments()]


def test_all_parts_are_there() -> None:
    plain = {name for name, service in COMPOSE["services"].items() if "profiles" not in service}
    scale = {name for name, service in COMPOSE["services"].items() if service.get("profiles") == ["scale"]}
    assert plain == {*SERVICES, "models", "gateway"}
    assert scale == {"postgres", "store", "gateways", "front"}
    kinds = {(resource["kind"], resource["metadata"]["name"]) for resource in RESOURCES}
    assert {("Deployment", name) for name in (*SERVICES, "gateway")} | {("StatefulSet", "postgres"), ("Job", "models")} <= kinds


@pytest.mark.parametrize(("name", "environment"), ENVIRONMENTS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(ENVIRONMENTS)])
def test_settings_are_read_and_accepted(name: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = [key for key in environment if not OF_LIBRARIES.match(key) and key not in known_names()]
    assert not unknown
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    if "LOCUTOR_LISTEN" in environment:
        serving = ServingSettings.from_arguments(name, "tcp://127.0.0.1:0", [])
        assert Address.parse(serving.listen).target == "0.0.0.0:50051"
    if name.startswith("gateway"):
        settings = GatewaySettings.from_environment()
        assert set(settings.services) == set(SERVICES)


@pytest.mark.parametrize(("name", "environment"), ENVIRONMENTS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(ENVIRONMENTS)])
def test_no_secret_is_written_out(name: str, environment: dict[str, str]) -> None:
    assert not [key for key in environment if SECRET.search(key) and not key.endswith("_FILE")]
    assert not re.search(r"://[^/@]*:[^/@]*@", " ".join(environment.values())), "a password in a URL"


def test_compose_takes_secrets_from_files() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_addresses_lead_to_services() -> None:
    for _, environment in compose_environments():
        for name in SERVICES:
            address = environment.get(f"LOCUTOR_{name.upper()}")
            assert address in (None, f"dns:///{name}:50051") and name in COMPOSE["services"]
    ports = {resource["metadata"]["name"]: {port["port"] for port in resource["spec"]["ports"]} for resource in RESOURCES if resource["kind"] == "Service"}
    containers = {
        resource["metadata"]["name"]: {port["containerPort"] for container in resource["spec"]["template"]["spec"]["containers"] for port in container["ports"]}
        for resource in RESOURCES
        if resource["kind"] in ("Deployment", "StatefulSet")
    }
    assert ports == containers
    for _, environment in kubernetes_environments():
        for name in SERVICES:
            assert environment.get(f"LOCUTOR_{name.upper()}") in (None, f"dns:///{name}.locutor.svc.cluster.local:50051")


def test_calls_may_end_before_a_pod_is_killed() -> None:
    for resource in RESOURCES:
        if resource["kind"] == "Deployment":
            pod = resource["spec"]["template"]["spec"]
            grace_s = next((float(entry["value"]) for entry in pod["containers"][0]["env"] if entry["name"] == "LOCUTOR_GRACE_S"), ServingSettings().grace_s)
            assert pod["terminationGracePeriodSeconds"] > grace_s, resource["metadata"]["name"]


@pytest.mark.parametrize("resource", RESOURCES, ids=[f"{resource['kind']}-{resource['metadata']['name']}" for resource in RESOURCES])
def test_manifests_are_as_kubernetes_takes_them(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, "1.33", strict=True)


def test_the_front_s_gateways_are_those_of_compose() -> None:
    front = (ROOT / "docs" / "compose" / "nginx.conf").read_text("utf-8")
    assert set(re.findall(r"server (\w+):(\d+) resolve", front)) == {("gateways", "50051"), ("gateways", "8080")}
    assert {port.rpartition(":")[2] for port in COMPOSE["services"]["front"]["ports"]} == set(re.findall(r"listen (\d+);", front))
    assert "./docs/compose/nginx.conf:/etc/nginx/nginx.conf:ro" in COMPOSE["services"]["front"]["volumes"]
