"""Row 12: a model file that attacks its reader. `tests/engine/test_gguf.py` mutates headers, `tests/engine/test_embedded.py`
(`test_its_process_knows_no_secret`) looks at the child's environment, `tests/models/test_pull.py` at what is fetched.

Invariants: the engine's native code is never started on a file whose header contradicts itself, nor on any part of a model
in several files; the server says so in a sentence and ends.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest
from tests.cli.commands import mecum
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import network, put
from tests.engine.ggufs import LLAMA, Gguf, Tensor

from mecum.engine.child import look
from mecum.engine.command import Binary
from mecum.engine.embedded import Embedded
from mecum.engine.embedder.folder import FolderEmbedder
from mecum.engine.process import environment
from mecum.errors import EngineStartError
from mecum.settings.schema import EngineSettings, LibrarySettings, Settings

FAKE: Final = Path(__file__).parents[1] / "engine" / "fake_llama_server.py"
HOSTILE: Final[dict[str, bytes]] = {
    "counts": Gguf(claimed_tensors=2**63).build(),
    "keys": Gguf(claimed_keys=2**64 - 1).build(),
    "offset": Gguf(tensors=[Tensor(offset=2**64 - 32)]).build(),
    "overflow": Gguf(tensors=[Tensor(shape=[2**32, 2**32])]).build(),
    "product": Gguf(tensors=[Tensor(shape=[2**31, 2**31, 2**2, 1])]).build(),
    "beyond": Gguf(tensors=[Tensor(shape=[64, 1_000_000])]).build(),
    "alignment": Gguf(values={**LLAMA, "general.alignment": ("u32", 0)}).build(),
    "cut": Gguf().build()[:150],
    "pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    "zip": b"PK\x03\x04" + bytes(500),
}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A `llama-server` that leaves word when it is run with a model."""
    file = tmp_path / "bin" / "llama-server"
    file.parent.mkdir()
    file.write_text(f"#!{sys.executable} -IS\n{FAKE.read_text()}")
    file.chmod(0o755)
    return file


async def refused(program: Path, model: Path) -> str:
    """Start the engine on a model, and return why it does not; no child has seen the file."""
    settings = Settings(home=model.parent, engine=EngineSettings(binary=program, model=str(model)))
    engine = Embedded(settings)
    try:
        with pytest.raises(EngineStartError) as caught:
            await engine.start()
    finally:
        await engine.aclose()
    assert not (program.parent / "arguments").exists(), "the engine was started on it"
    return caught.value.message


@pytest.mark.parametrize("name", HOSTILE)
async def test_the_engine_never_sees_it(program: Path, tmp_path: Path, name: str) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(HOSTILE[name])
    assert str(model) in await refused(program, model)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("named", [1, 3])
async def test_nor_any_part_of_one_in_several_files(program: Path, tmp_path: Path, number: int, named: int) -> None:
    """llama.cpp opens the others by itself."""
    for part in (1, 2, 3):
        content = HOSTILE["offset"] if part == number else Gguf().build()
        (tmp_path / f"model-{part:05d}-of-00003.gguf").write_bytes(content)
    said = await refused(program, tmp_path / f"model-{named:05d}-of-00003.gguf")
    assert f"model-{number:05d}-of-00003.gguf" in said


async def test_a_good_one_is_seen(program: Path, tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    model = tmp_path / "model.gguf"
    model.write_bytes(Gguf().build())
    settings = Settings(home=tmp_path, engine=EngineSettings(binary=program, model=str(model)))
    assert look(settings, (await Binary.examine(program)).version).files == (model,)


def test_the_command_says_so_and_ends(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(HOSTILE["offset"])
    done = mecum("serve", "--port", 0, "--home", tmp_path / "home", "--model", model, MECUM_LIBRARY_EMBEDDER="none")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    assert str(model) in done.stderr


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link"])
@pytest.mark.parametrize("place", ["initialiser", "constant", "branch in a branch", "function"])
async def test_a_graph_that_names_files_outside_its_folder_is_run_by_nobody(tmp_path: Path, place: str, name: str) -> None:
    folder, seen = put(tmp_path / "x", model_onnx=messages.everywhere(name)[place]), tmp_path / "seen"
    (tmp_path / "secret").write_bytes(bytes(256))
    (folder / "link").symlink_to(tmp_path / "secret")
    tells = ("-c", f"open({str(seen)!r}, 'w')")
    embedder = FolderEmbedder(LibrarySettings(embedder="x"), tmp_path / "home", folder, program=tells)
    await embedder.start()
    assert "which is not in its folder" in (embedder.status().reason or "")
    assert not seen.exists()
    (folder / "model.onnx").write_bytes(network())  # with a good one, the program is run
    await embedder.start()
    assert seen.exists()
    await embedder.aclose()


SECRETS: Final = """
MECUM_ENGINE_API_KEY OPENAI_API_KEY HF_TOKEN AWS_SECRET_ACCESS_KEY DATABASE_URL SSH_AUTH_SOCK GITHUB_TOKEN PGPASSWORD
CUDA_API_KEY LLAMA_API_KEY LLAMA_ARG_API_KEY LLAMA_ARG_MODEL_URL GGML_TOKEN HTTP_PROXY LD_PRELOAD LD_AUDIT PYTHONPATH
PYTHONSTARTUP DYLD_INSERT_LIBRARIES
""".split()


def test_what_the_child_may_know() -> None:
    """Neither secrets nor what would load code into it."""
    known = {"PATH": "/bin", "LANG": "C", "CUDA_VISIBLE_DEVICES": "0"}
    assert environment({**dict.fromkeys(SECRETS, "x"), **known}) == known
