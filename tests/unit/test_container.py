"""The image, compose.yaml and the Kubernetes manifests, as far as no container is needed for it."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from govbot.config import load_settings

FOLDER = Path(__file__).parents[2] / "packaging" / "container"
DOCS = FOLDER.parents[1] / "docs"
MANIFESTS = [
    (file.name, document)
    for file in sorted((FOLDER / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
    if document["kind"] != "Kustomization"  # kustomize's own, not of the API
]
VERSIONS = ("1.31", kubernetes_validate.latest_version())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "manifest"), MANIFESTS, ids=[f"{n}-{m['kind']}" for n, m in MANIFESTS]
)
def test_a_manifest_is_what_the_schema_of_kubernetes_says(
    name: str, manifest: dict[str, Any], version: str
) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_wrong_manifest_is_noticed() -> None:
    wrong = {**_one("Deployment"), "spec": {"replicas": "two"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_every_manifest_is_applied_and_no_other() -> None:
    listed = yaml.safe_load((FOLDER / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(listed["resources"]) == sorted({name for name, _ in MANIFESTS})


def test_what_the_pods_name_is_there() -> None:
    pod = _one("Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["settings"]["configMap"]["name"] == _one("ConfigMap")["metadata"]["name"]
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == _one("PersistentVolumeClaim")["metadata"]["name"]
    for container in pod["containers"] + pod["initContainers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]
    labels = _one("Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        spec = _one(kind)["spec"]
        chosen = spec.get("podSelector", spec.get("selector"))
        assert chosen.get("matchLabels", chosen).items() <= labels.items()
    paths = _one("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert paths[0]["backend"]["service"]["name"] == _one("Service")["metadata"]["name"]


def test_serving_pods_do_not_hold_the_password_of_the_owner() -> None:
    pod = _one("Deployment")["spec"]["template"]["spec"]
    (serving,) = pod["containers"]
    assert "owner" not in {mount["name"] for mount in serving["volumeMounts"]}
    services = _compose()["services"]
    for node in ("node1", "node2"):
        assert services[node]["secrets"] == ["database_url"]


def test_the_settings_that_are_shipped_are_good_commented_ones_too(tmp_path: Path) -> None:
    shipped = (FOLDER / "govbot.toml").read_text()
    examples = re.sub(r"^# (?=\[|\w+ = )", "", shipped, flags=re.MULTILINE)
    assert examples != shipped
    for number, text in enumerate((shipped, examples, _one("ConfigMap")["data"]["govbot.toml"])):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        settings = load_settings(file, {})
        assert settings.proxy.trusted
        assert bool(settings.generation.base_url) == (number > 0)


def test_the_services_of_compose_are_bound_and_what_they_name_is_there() -> None:
    compose = _compose()
    services = compose["services"]
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert tag != "latest", name
        assert service.get("privileged", False) is False
        for secret in service.get("secrets", ()):
            assert secret in compose["secrets"]
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (FOLDER / source).is_file(), mount
        if name != "database":
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
        assert set(service.get("depends_on", ())) <= set(services)
    nodes = set(re.findall(r"server (\w+):8080", (FOLDER / "nginx.conf").read_text()))
    assert nodes == {name for name in services if name.startswith("node")}
    (published,) = (name for name, service in services.items() if service.get("ports"))
    assert published == "nginx"
    subnet = compose["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert subnet in (FOLDER / "govbot.toml").read_text()


def test_the_image_runs_as_a_user_without_rights_and_says_how_it_is() -> None:
    """What hadolint asks for, as far as it applies."""
    steps = _dockerfile()
    stages = [words for word, words in steps if word == "FROM"]
    assert len(stages) == 2
    base = next(words for word, words in steps if word == "ARG")
    assert re.fullmatch(r"BASE=debian:\d+-slim", base)
    last = steps[max(n for n, (word, _) in enumerate(steps) if word == "FROM") :]
    named = dict(last)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", named["USER"])  # numbers, so that runAsNonRoot sees
    assert named["ENTRYPOINT"] == '["/usr/bin/govbot"]'
    assert "healthy" in named["HEALTHCHECK"]
    assert "ADD" not in dict(steps)
    (setup,) = (words for word, words in last if word == "RUN")
    assert "--no-install-recommends" in setup
    assert "rm -rf /var/lib/apt/lists/*" in setup
    order = [word for word, _ in last]
    assert order.index("USER") > max(n for n, word in enumerate(order) if word in ("RUN", "COPY"))
    uid = int(named["USER"].partition(":")[0])
    assert _one("Deployment")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == uid


def test_the_image_holds_the_libraries_that_the_package_depends_on() -> None:
    control = (FOLDER.parent / "deb" / "debian" / "control").read_text()
    (depends,) = re.findall(r"^Depends: (.*)$", control, flags=re.MULTILINE)
    libraries = {
        name for each in depends.split(",") if (name := each.split()[0]).startswith("lib")
    } - {"libc6", "libgcc-s1"}  # of every Debian
    (setup,) = (words for _, words in _dockerfile() if "--no-install-recommends" in words)
    assert libraries <= set(setup.split())


@pytest.mark.parametrize("script", ["entry.sh", "database.sh", "secrets.sh"])
def test_a_script_of_the_image_can_be_read_by_its_shell(script: str) -> None:
    file = FOLDER / script
    shell = shlex.split(file.read_text().splitlines()[0].removeprefix("#!"))
    subprocess.run([*shell, "-n", str(file)], check=True)


@pytest.mark.parametrize("page", [DOCS / "nodes.md", DOCS / "pt-BR" / "nodes.md"], ids=str)
def test_the_snippet_of_nginx_in_the_docs_is_the_one_that_is_shipped(page: Path) -> None:
    shipped = (FOLDER / "nginx.conf").read_text().split("\n", 1)[1]
    assert f"```nginx\n{shipped}```" in page.read_text()


def _one(kind: str) -> dict[str, Any]:
    (found,) = (manifest for _, manifest in MANIFESTS if manifest["kind"] == kind)
    return found


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return found


def _dockerfile() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", text)
    return [
        (word, rest.strip())
        for line in joined.splitlines()
        if line.strip()
        for word, _, rest in [line.partition(" ")]
    ]
