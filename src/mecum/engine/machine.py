"""What this machine has for us: cores and memory, as far as CPU affinity and control groups leave them to us.

Invariant: a container's limits count as the machine's own (`tests/engine/test_machine.py` reads made-up trees).
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html; of version 1 the two limits that container engines set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_GPUS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd")  # with memory of their own; built-in ones share the machine's


@dataclass(frozen=True, slots=True)
class Machine:
    """`cores` are physical ones that we may use, `memory` is free for us, in bytes."""

    cores: int
    memory: int
    gpu: bool = False

    @classmethod
    def here(cls, root: Path = Path("/")) -> Machine:
        """Look at this machine. `root` is where /proc and /sys are."""
        cores = _cores(root)
        if (quota := _quota(root)) is not None:
            cores = max(1, min(cores, int(quota)))
        free = psutil.virtual_memory().available
        limits = [free, *_memory_left(root)]
        return cls(cores, min(limits), gpu=any((root / name.lstrip("/")).exists() for name in _GPUS))


def private_memory(pid: int) -> int:
    """Return the bytes of memory that a process has for itself. Pages of files that it maps are none: they count as free."""
    try:
        told = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(told.rss - getattr(told, "shared", 0))


def resident_memory(pid: int) -> int | None:
    """Return the bytes of a process that are in memory, those of files that it maps too; None where that is not to be had.

    Elsewhere than on Linux the pages of a file count otherwise.
    """
    if sys.platform != "linux":
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def overloaded() -> bool:
    """Return whether twice as much wanted to run in the last minute as this machine has processors for.

    Then llama.cpp's threads, which wait for each other at every step, can take a minute for what takes a second.
    """
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def _cores(root: Path) -> int:
    if sys.platform != "linux":
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    # Two hardware threads of one core compute no faster than one: count each core once.
    cores = set()
    for cpu in os.sched_getaffinity(0):
        listing = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        cores.add(_text(listing) or str(cpu))
    return max(1, len(cores))


def _quota(root: Path) -> float | None:
    """Return how many cores' time the control groups leave us, if they limit it."""
    quotas = []
    for folder in _groups(root, "cpu"):
        limit, _, period = (_text(folder / "cpu.max") or "").partition(" ")
        if limit.isdecimal() and period.isdecimal():
            quotas.append(int(limit) / int(period))
        old, of = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if old and of and old.isdecimal() and of.isdecimal():
            quotas.append(int(old) / int(of))
    return min(quotas, default=None)


def _memory_left(root: Path) -> Iterator[int]:
    """Yield what each control group above us still allows, in bytes. Cached file pages in it count as free."""
    for folder in _groups(root, "memory"):
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes")
        if limit is not None and used is not None:
            yield max(0, limit - used + _inactive_file(folder))


def _inactive_file(folder: Path) -> int:
    for line in (_text(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file") and value.isdecimal():
            return int(value)
    return 0


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of our control group and of all above it."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controller if controllers else "")
        group = base / path.lstrip("/")
        if ".." in group.parts:
            group = base
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(base))


def _number(*files: Path) -> int | None:
    for file in files:
        if (text := _text(file)) and text.isdecimal():
            return int(text)
    return None


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None
