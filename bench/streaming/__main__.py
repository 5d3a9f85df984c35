"""The command: `python -m bench.streaming proxy` or `engine`."""

from __future__ import annotations

import argparse
import sys

from bench.processes import MECUM, StartError, TooSlow, interruptible
from bench.streaming import engine, proxy
from bench.streaming.sse import Broken


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.streaming", description="What streaming costs.")
    parser.add_argument("--mecum", default=MECUM, help="the mecum program to measure")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("proxy", help="CPU for each event, beside other proxies, from a synthetic engine")
    one.add_argument("--only", nargs="+", choices=proxy.PROXIES, default=proxy.PROXIES, help="which proxies")
    one.add_argument("--rounds", type=int, default=proxy.Plan().rounds)
    two = commands.add_parser("engine", help="tokens/s, first token and gaps of the starter model, beside llama.cpp alone")
    two.add_argument("--rounds", type=int, default=engine.Plan().rounds)
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> None:
    if arguments.command == "engine":
        engine.run(engine.Plan(rounds=arguments.rounds), arguments.mecum)
        return
    proxy.run(proxy.Plan(proxies=tuple(arguments.only), rounds=arguments.rounds), arguments.mecum)


def main() -> int:
    """Run the benchmark that the command line names; returns the exit code."""
    arguments = _arguments()
    try:
        with interruptible():
            _run(arguments)
    except (Broken, StartError, TooSlow) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
