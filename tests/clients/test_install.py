"""What the client tests install is pinned, free to use, and names no index."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.clients.install import NODE, REQUIREMENTS

# `rulings.md` 30, as packages write it.
FREE = re.compile(
    r"MIT(-CMU| License)?|(\S+ )?BSD.*|Apache.*|ISC.*|0BSD|Unlicense|Zlib|PSF-2.0|Python Soft.*|CC0-1.0|MPL-2.0|Mozilla.*",
    re.IGNORECASE,
)
# A permissive licence of old parts of Python. tiktoken, which LangChain asks for, needs the one package under it: it is
# installed for tests and never shipped.
OTHERS = {"regex": "CNRI-Python"}
TELL = """
import importlib.metadata, json
def licences(data):
    if data.get("License-Expression"): return [data["License-Expression"]]
    classifiers = [c.rpartition(" :: ")[2] for c in data.get_all("Classifier") or () if c.startswith("License ::")]
    return classifiers or [(data.get("License") or "none").strip().splitlines()[0]]
print(json.dumps({d.name: licences(d.metadata) for d in importlib.metadata.distributions()}))
"""


def free(name: str, expression: str) -> bool:
    """Tell whether one of what a package offers is free, for each of what it is made of."""
    needed = [part.strip("()").split(" OR ") for part in expression.split(" AND ")]
    return all(any(FREE.fullmatch(offer) or OTHERS.get(name) == offer for offer in part) for part in needed)


def test_python_packages_are_free(other_python: Path) -> None:
    told = subprocess.run([str(other_python), "-c", TELL], capture_output=True, text=True, timeout=60, check=True)
    packages: dict[str, list[str]] = json.loads(told.stdout)
    assert len(packages) > 50
    for name, expressions in packages.items():
        assert any(free(name, expression) for expression in expressions), f"{name}: {expressions}"


def test_node_packages_are_free(node: Path) -> None:
    manifests = [json.loads(path.read_text()) for path in (NODE / "node_modules").glob("**/package.json")]
    packages = {manifest["name"]: manifest["license"] for manifest in manifests if "version" in manifest}
    assert {"ai", "openai", "zod"} <= set(packages)
    for name, expression in packages.items():
        assert free(name, expression), f"{name}: {expression}"


def test_the_locks_name_no_index() -> None:
    lock = (NODE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') == len(json.loads(lock)["packages"]) - 1
    assert "://" not in REQUIREMENTS.read_text()


def test_litellm_is_not_one_of_the_hostile_releases() -> None:
    (version,) = re.findall(r"^litellm==(\S+)", REQUIREMENTS.read_text(), re.M)
    assert version not in ("1.82.7", "1.82.8", "1.107.0")
