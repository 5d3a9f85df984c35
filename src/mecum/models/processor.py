"""Which 8-bit arithmetic this processor has: what models are quantised for differs by that."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Arithmetic = Literal["arm", "vnni", "other"]
_ARM = ("arm64", "aarch64")
_VNNI = ("avx512_vnni", "avx_vnni")


@dataclass(frozen=True, slots=True)
class Processor:
    """`arithmetic`: ARM's, x86's with VNNI (it adds products of bytes in 32 bits), or other; `avx512`: it has that."""

    arithmetic: Arithmetic
    avx512: bool = False

    @classmethod
    def here(cls, root: Path = Path("/")) -> Processor:
        """Look at this machine's. `root` is where /proc is; elsewhere than on Linux nothing is known of x86."""
        if platform.machine().lower() in _ARM:
            return cls("arm")
        try:
            lines = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return cls("other")
        flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
        return cls("vnni" if any(flag in flags for flag in _VNNI) else "other", avx512="avx512f" in flags)
