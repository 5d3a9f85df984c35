"""What a container is allowed counts as what the machine has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from mecum.engine.machine import Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root


def test_without_limits_it_is_the_machine(tmp_path: Path) -> None:
    here = Machine.here(tmp_path)
    assert here.cores == len(os.sched_getaffinity(0))
    assert 0 < here.memory <= psutil.virtual_memory().total
    assert not here.gpu


def test_two_threads_of_a_core_count_once(tmp_path: Path) -> None:
    one = min(os.sched_getaffinity(0))
    siblings = {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{one},99" for cpu in os.sched_getaffinity(0)
    }
    assert Machine.here(tree(tmp_path, siblings)).cores == 1


def test_limits_of_version_2_and_of_the_groups_above(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/service/mecum",
            "sys/fs/cgroup/service/cpu.max": "150000 100000",
            "sys/fs/cgroup/service/mecum/cpu.max": "max 100000",
            "sys/fs/cgroup/service/memory.max": "max",
            "sys/fs/cgroup/service/mecum/memory.max": "50000000",
            "sys/fs/cgroup/service/mecum/memory.current": "30000000",
            "sys/fs/cgroup/service/mecum/memory.stat": "anon 1\ninactive_file 5000000",
        },
    )
    here = Machine.here(root)
    assert here.cores == 1
    assert here.memory == 25_000_000


def test_limits_of_version_1(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/box\n2:cpu,cpuacct:/box",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1000000",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "1500000",
        },
    )
    here = Machine.here(root)
    assert here.cores == 1
    assert here.memory == 0


def test_a_gpu_is_seen(tmp_path: Path) -> None:
    assert Machine.here(tree(tmp_path, {"dev/nvidia0": ""})).gpu
