"""What the processor computes with, as /proc tells it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from mecum.models.processor import Processor


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ("fpu avx2 fma", Processor("other")),
        ("avx2 avx512f avx512bw", Processor("other", avx512=True)),
        ("avx2 avx512f avx512_vnni", Processor("vnni", avx512=True)),
        ("avx2 avx_vnni", Processor("vnni")),
    ],
)
def test_x86(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, found: Processor) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert Processor.here(tmp_path) == found


def test_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    assert Processor.here(tmp_path) == Processor("other")
    for name in ("arm64", "aarch64", "ARM64"):
        monkeypatch.setattr(platform, "machine", lambda name=name: name)
        assert Processor.here(tmp_path) == Processor("arm")
