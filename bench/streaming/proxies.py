"""How to start each of the proxies that are compared, all in front of the same synthetic engine."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Child, free_port, serving
from bench.streaming.client import Target

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A kind of proxy: its command for a port of its own and the engine's, and the path that tells that it is up."""

    name: str
    command: Callable[[int, int], list[str]]
    ready: str = "/health"
    rounds: int | None = None  # fewer rounds than the others, because it takes so long
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A started proxy. `child` is None for the engine itself, spoken to directly."""

    target: Target
    child: Child | None
    rounds: int | None = None


def module(name: str, port: int, **options: int) -> list[str]:
    """Return the command of one of our own programs, run by this interpreter."""
    flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    return [sys.executable, "-m", f"bench.streaming.{name}", "--port", str(port), *flags]


def bytecopy() -> Proxy:
    """Return the proxy that parses nothing."""
    return Proxy("byte copy", lambda port, upstream: module("bytecopy", port, upstream=upstream))


def usual() -> Proxy:
    """Return FastAPI with httpx."""
    return Proxy("FastAPI + httpx", lambda port, upstream: module("usual", port, upstream=upstream))


def mecum(program: str) -> Proxy:
    """Return mecum with the synthetic engine as its upstream."""

    def command(port: int, upstream: int) -> list[str]:
        return [program, "serve", "--port", str(port), "--engine-url", f"http://127.0.0.1:{upstream}/v1"]

    return Proxy("mecum", command, ready="/readyz")


def litellm(config: Path) -> Proxy:
    """Return LiteLLM's proxy: one worker, no database, no telemetry, its list of prices not fetched."""

    def command(port: int, upstream: int) -> list[str]:
        config.write_text(_litellm_config(upstream))
        program = Path(sys.executable).with_name("litellm")
        return [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]

    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "NO_PROXY": "*"}
    return Proxy("LiteLLM proxy", command, ready="/health/liveliness", rounds=1, env=env)


def _litellm_config(upstream: int) -> str:
    parameters = {"model": "openai/synthetic", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    models = [{"model_name": "synthetic", "litellm_params": parameters}]
    general = {"dangerously_permit_weak_or_unset_master_key": True}  # no keys in any of the proxies
    settings = {"model_list": models, "litellm_settings": {"telemetry": False}, "general_settings": general}
    return json.dumps(settings)  # JSON is YAML


@contextmanager
def started(names: list[str], program: str) -> Iterator[tuple[Target, list[Running]]]:
    """Run the engine and the named proxies; gives the engine and all of them, the engine itself first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mecum-bench-")))
        kinds: dict[str, Callable[[], Proxy]] = {
            "bytecopy": bytecopy,
            "mecum": lambda: mecum(program),
            "usual": usual,
            "litellm": lambda: litellm(folder / "litellm.yaml"),
        }
        upstream = free_port()
        stack.enter_context(serving("engine", module("upstream", upstream), port=upstream, ready="/health"))
        engine = Target("direct", upstream)
        running = [Running(engine, None)]
        running += [_start(stack, kinds[name](), upstream) for name in names]
        yield engine, running


def _start(stack: ExitStack, proxy: Proxy, upstream: int) -> Running:
    port = free_port()
    command = proxy.command(port, upstream)
    child = stack.enter_context(
        serving(proxy.name, command, port=port, ready=proxy.ready, env={"PYTHONPATH": str(ROOT), **proxy.env})
    )
    return Running(Target(proxy.name, port), child, proxy.rounds)
