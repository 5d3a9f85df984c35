"""What every benchmark prints: where it ran, and Markdown tables."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """Return one line that says when and on what the figures were taken, with the load of the minute before."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_cpu()} ({os.cpu_count()} cores{load}), "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, its first column left aligned and the others right, a blank line at its end."""
    lines = [list(headers), ["---", *(["---:"] * (len(headers) - 1))], *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 … 1) of them lie, by the nearest rank; NaN without values."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def median(values: Sequence[float]) -> float:
    """Return the median; NaN without values."""
    return statistics.median(values) if values else float("nan")


def figure(value: float, digits: int = 1) -> str:
    """Return a number with thousands separated, or a dash for NaN."""
    return "-" if value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 -- only NaN differs from itself
