"""Embedding models in ONNX: from a repository, or a folder of this machine, to one on the shelf."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.capabilities import like_anybody
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import WORDS, table
from tests.models.conftest import Pulling
from tests.models.hubs import COMMIT, REPO, FakeHub, git_id, model, sha256
from tests.models.onnx import DATA, MODEL, decoder, repository, with_data

from mecum.engine.embedder.folder import FolderEmbedder
from mecum.errors import EngineStartError, InvalidRequest
from mecum.models.encoders import SMALL
from mecum.models.processor import Processor
from mecum.models.refusal import PullFailed
from mecum.models.shelf import PARTIAL
from mecum.models.unfinished import drop, unfinished
from mecum.settings.schema import LibrarySettings

NAME = "Tiny-GGUF"  # what the repository is called


@pytest.fixture
def onnx(fake: FakeHub) -> FakeHub:
    fake.files = with_data()
    return fake


def left(pull: Pulling) -> set[str]:
    return {file.name for file in pull.shelf.folder.iterdir() if file.name != PARTIAL}


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_a_repository_becomes_a_folder(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files |= {"README.md": b"#", "model.safetensors": bytes(9), "onnx/other.json": b"{}"}
    pulled = await pull(f"hf:{REPO}")
    assert pulled.new
    assert pulled.model.file == pull.shelf.folder / NAME
    assert content(pulled.model.file) == with_data()
    assert pulled.model.sha256 == {name: sha256(each) for name, each in with_data().items()}
    origin = pulled.model.origin
    assert origin is not None
    assert (origin.source, origin.revision, origin.licence) == (f"hf:{REPO}:{MODEL}", COMMIT, "apache-2.0")
    assert (pulled.model.kind, pulled.model.fault) == ("embedder", "")
    assert left(pull) == {NAME, f"{NAME}.json"}
    assert {one.name for one in (pull.shelf.folder / PARTIAL).iterdir()} <= {f"{NAME}.lock"}
    assert pull.said == [
        f"{MODEL} (0 MB) of {REPO} is taken, of what fits the 8.0 GB of memory that are free now and this processor."
    ]


async def test_the_same_again_is_there_at_once_and_without_the_network(onnx: FakeHub, pull: Pulling) -> None:
    await pull(f"hf:{REPO}")
    onnx.seen.clear()
    assert not (await pull(f"hf:{REPO}")).new
    assert onnx.seen == []
    assert not (await pull(f"hf:{REPO}:{MODEL}")).new
    assert [one.path for one in onnx.seen] == [f"/api/models/{REPO}?blobs=true"]


async def test_what_was_changed_is_not_taken_for_the_same_and_not_replaced(onnx: FakeHub, pull: Pulling) -> None:
    folder = (await pull(f"hf:{REPO}")).model.file
    (folder / "config.json").write_bytes(b"{}")
    with pytest.raises(InvalidRequest, match=f"There is a {NAME} already, from hf:.*mecum models remove {NAME}"):
        await pull(f"hf:{REPO}")
    assert (folder / "config.json").read_bytes() == b"{}"


async def test_the_model_says_in_which_files_its_weights_are(onnx: FakeHub, pull: Pulling) -> None:
    odd = "Constant_7_attr__value"  # as torch calls large constants
    tensors = [(5, messages.outside(name, name=name)) for name in ("model.onnx_data", odd, "./other")]
    weights = {f"onnx/{name}": bytes(256) for name in ("model.onnx_data", odd, "other")}
    onnx.files = {**repository(), MODEL: messages.model(messages.graph(*tensors)), **weights, "onnx/unused": bytes(9)}
    assert content((await pull(f"hf:{REPO}")).model.file) == {
        name: each for name, each in onnx.files.items() if name != "onnx/unused"
    }
    assert pull.meter.done == pull.meter.total


async def test_weights_that_are_not_there_are_told_and_those_that_nobody_wants_are_left(
    onnx: FakeHub, pull: Pulling
) -> None:
    onnx.files[MODEL] = messages.model(messages.graph((5, messages.outside("gone.bin")), (5, messages.outside("x/y"))))
    with pytest.raises(PullFailed, match=r"onnx/model\.onnx wants to read 'onnx/gone\.bin', which is not beside it"):
        await pull(f"hf:{REPO}")
    assert onnx.asked(DATA) == []
    assert left(pull) == set()


async def test_what_was_pulled_makes_vectors(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files = repository()
    folder = (await pull(f"hf:{REPO}")).model.file
    embedder = FolderEmbedder(LibrarySettings(embedder=folder.name), pull.shelf.home, folder, threads=1)
    await embedder.start()
    try:
        assert embedder.status().ready, embedder.status()
        mean = table()[[WORDS.index(word) for word in ("[CLS]", "the", "fox", "[SEP]")]].mean(axis=0)
        assert np.allclose(await embedder.embed_query("the fox"), mean / np.linalg.norm(mean), atol=1e-6)
    finally:
        await embedder.aclose()


async def test_gguf_comes_first_and_onnx_when_it_is_asked_for(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files["Tiny-Q8_0.gguf"] = model()
    assert (await pull(f"hf:{REPO}")).model.folder is None
    assert (await pull(f"hf:{REPO}:onnx")).model.folder == pull.shelf.folder / NAME


@pytest.mark.parametrize("what", ["fp16", "FP16", "model_fp16.onnx", "onnx/model_fp16.onnx"])
async def test_one_of_several_can_be_named(onnx: FakeHub, pull: Pulling, what: str) -> None:
    onnx.files["onnx/model_fp16.onnx"] = repository()[MODEL]
    pulled = await pull(f"hf:{REPO}:{what}")
    assert {"onnx/model_fp16.onnx"} == {name for name in pulled.model.names if "onnx" in name}
    assert pulled.model.facts is not None
    assert pulled.model.facts.quantisation == "FP16"


async def test_the_processor_decides_and_the_others_are_told(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files, onnx.sizes = repository(), {MODEL: SMALL + 1}  # full precision is large here
    onnx.files |= {f"onnx/model_{what}.onnx": repository()[MODEL] for what in ("uint8", "int8")}
    pulled = await pull(f"hf:{REPO}", processor=Processor("other"))
    assert "onnx/model_uint8.onnx" in pulled.model.names
    assert pull.said[1].startswith(f"Others there, by hf:{REPO}:NAME: int8 (")


async def test_what_it_does_not_have_is_told_with_what_it_has(onnx: FakeHub, pull: Pulling) -> None:
    with pytest.raises(InvalidRequest, match=rf"has no q4\. It has: {MODEL} \("):
        await pull(f"hf:{REPO}:q4")
    with pytest.raises(InvalidRequest, match="for a single file, and this model has 6"):
        await pull(f"hf:{REPO}", "a" * 64)
    with pytest.raises(InvalidRequest, match="An ONNX model is pulled as a whole"):
        await pull(f"{onnx.cdn}/blob/{MODEL}")


# ---- what is no embedding model


async def test_without_a_tokeniser_gguf_is_named(onnx: FakeHub, pull: Pulling) -> None:
    del onnx.files["tokenizer.json"]
    for what in ("", ":onnx"):
        with pytest.raises(InvalidRequest, match=r"there is no tokenizer\.json .* name ends with GGUF"):
            await pull(f"hf:{REPO}{what}")
    with pytest.raises(InvalidRequest, match=r"has onnx/model\.onnx, but not as an embedding model.*ends with GGUF"):
        await pull(f"hf:{REPO}:{MODEL}")
    assert onnx.asked("/resolve/") == []


async def test_what_the_hub_calls_a_model_that_chats_is_not_fetched(onnx: FakeHub, pull: Pulling) -> None:
    onnx.more_of = {"pipeline_tag": "text-generation"}
    with pytest.raises(InvalidRequest, match=r"a model that chats, in ONNX\. mecum chats with GGUF models"):
        await pull(f"hf:{REPO}")
    assert onnx.asked("/resolve/") == []


async def test_what_generates_text_never_gets_its_name(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files = {**with_data(), MODEL: decoder()}
    with pytest.raises(
        EngineStartError, match=f"^{NAME} cannot be used as an embedder.*generates text.*what chats must be GGUF"
    ):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()
    assert unfinished(pull.shelf) == {}
    assert onnx.asked(DATA) == []  # the gigabytes come last


async def test_a_model_that_reads_elsewhere_never_gets_its_name(onnx: FakeHub, pull: Pulling, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(256))
    for place in (str(secret), "../../../secret", "../x"):
        onnx.files = {**repository(), MODEL: messages.model(messages.graph((5, messages.outside(place))))}
        with pytest.raises(EngineStartError, match="wants to read"):
            await pull(f"hf:{REPO}")
    assert left(pull) == set()


async def test_a_file_that_is_no_json_never_gets_its_name(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files["tokenizer.json"] = b"<html>"
    with pytest.raises(EngineStartError, match=r"damaged file: tokenizer\.json is no JSON"):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()


# ---- what comes wrong


async def test_another_hash_than_the_hubs_is_thrown_away(onnx: FakeHub, pull: Pulling) -> None:
    onnx.told[DATA] = onnx.linked[DATA] = "a" * 64
    with pytest.raises(PullFailed, match=f"its SHA-256 is {sha256(onnx.files[DATA])}, and should be {'a' * 64}"):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()
    onnx.told.clear()
    onnx.linked.clear()
    assert (await pull(f"hf:{REPO}")).new


async def test_small_files_are_held_against_what_git_calls_them(onnx: FakeHub, pull: Pulling) -> None:
    onnx.told["config.json"] = git_id(b"another")
    with pytest.raises(
        PullFailed, match=rf"config\.json is not what was promised: git calls it {git_id(onnx.files['config.json'])}"
    ):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()
    onnx.told.clear()
    assert (await pull(f"hf:{REPO}")).new


async def test_what_broke_off_goes_on_file_by_file(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files[DATA] = bytes(400_000)
    onnx.files[MODEL] = messages.model(messages.graph((5, messages.outside("model.onnx_data", dims=(100_000,)))))
    onnx.pause = 0.02
    task = asyncio.create_task(pull(f"hf:{REPO}"))
    while pull.meter.done < 150_000:  # noqa: ASYNC110 -- the meter tells nobody
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 150_000 <= unfinished(pull.shelf)[NAME] < 420_000
    assert left(pull) == set()
    onnx.pause = 0
    onnx.seen.clear()
    assert (await pull(f"hf:{REPO}")).new
    assert onnx.asked(DATA)[-1].headers["range"].startswith("bytes=")
    assert unfinished(pull.shelf) == {}


async def test_what_was_begun_can_be_dropped(onnx: FakeHub, pull: Pulling) -> None:
    onnx.files[DATA] = bytes(200_000)
    onnx.cut = [0] * 99
    with pytest.raises(PullFailed, match="5 times in a row"):
        await pull(f"hf:{REPO}")
    assert set(unfinished(pull.shelf)) == {NAME}
    drop(pull.shelf, NAME)
    assert unfinished(pull.shelf) == {}


@pytest.mark.parametrize("steps", [1, 3, 7])
async def test_a_pull_that_was_killed_while_it_put_the_folder_together_fetches_nothing_again(
    onnx: FakeHub, pull: Pulling, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    moved: list[Path] = []
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if len(moved) == steps:
            raise SystemExit
        if ".whole" in str(target):
            moved.append(target)
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(SystemExit):
            await pull(f"hf:{REPO}")
    assert {name for name in left(pull) if not name.startswith(".")} <= {f"{NAME}.json"}
    onnx.seen.clear()
    assert (await pull(f"hf:{REPO}")).new
    assert content(pull.shelf.folder / NAME) == onnx.files
    assert onnx.asked(MODEL) == onnx.asked(DATA) == []


async def test_what_lies_in_the_hubs_cache_is_not_fetched(onnx: FakeHub, pull: Pulling) -> None:
    snapshot = pull.cache / f"models--{REPO.replace('/', '--')}" / "snapshots" / COMMIT
    for name in (DATA, "config.json"):
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes(onnx.files[name])
    pulled = await pull(f"hf:{REPO}")
    assert (pulled.model.file / DATA).samefile(snapshot / DATA)
    assert onnx.asked(DATA) == onnx.asked("/config.json")[1:] == []  # that of the pooling is fetched


async def test_a_damaged_small_file_in_the_cache_is_told(onnx: FakeHub, pull: Pulling) -> None:
    file = pull.cache / f"models--{REPO.replace('/', '--')}" / "snapshots" / COMMIT / "config.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(len(onnx.files["config.json"])))
    with pytest.raises(PullFailed, match="git calls it"):
        await pull(f"hf:{REPO}")
    assert file.exists()


# ---- folders of this machine


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, each in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(each)
    return folder


async def test_a_folder_is_linked_and_stays_as_it_is(pull: Pulling, tmp_path: Path) -> None:
    own = put(tmp_path / "My-Encoder", {**with_data(), "notes.txt": b"x", "model.safetensors": bytes(9)})
    pulled = await pull(str(own))
    assert content(pulled.model.file) == with_data()
    assert (pulled.model.file / DATA).samefile(own / DATA)
    assert pulled.model.name == "my-encoder"
    assert pull.said[-1].startswith("Nobody said which SHA-256 its files must have; they have ")
    assert not (await pull(str(own))).new
    (own / "config.json").unlink()
    (own / "config.json").write_bytes(b'{"model_type": "x"}')
    with pytest.raises(InvalidRequest, match="nothing is replaced"):
        await pull(str(own))
    pull.shelf.remove(pulled.model)
    assert (own / MODEL).is_file()


async def test_one_of_a_folders_models_can_be_named(pull: Pulling, tmp_path: Path) -> None:
    own = put(tmp_path / "Own", {**repository(), "onnx/model_int8.onnx": repository()[MODEL]})
    pulled = await pull(str(own / "onnx" / "model_int8.onnx"))
    assert {name for name in pulled.model.names if name.endswith(".onnx")} == {"onnx/model_int8.onnx"}


async def test_links_in_a_folder_are_followed_as_in_the_hubs_cache(pull: Pulling, tmp_path: Path) -> None:
    blobs = put(tmp_path / "blobs", {name.replace("/", "-"): each for name, each in with_data().items()})
    own = tmp_path / "Own"
    for name in with_data():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(blobs / name.replace("/", "-"))
    folder = (await pull(str(own))).model.file
    assert content(folder) == with_data()
    assert not any(file.is_symlink() for file in folder.rglob("*"))


async def test_folders_that_cannot_be_taken(pull: Pulling, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="has no GGUF model"):
        await pull(str(tmp_path))
    own = put(tmp_path / "x\u00fc", repository())
    with pytest.raises(InvalidRequest, match="is no name for a model's folder"):
        await pull(str(own))
    clash = put(tmp_path / "o" / "default", repository())
    assert (await pull(str(clash))).model.file.name == "o-default"
    os.mkfifo(put(tmp_path / "Pipe", repository()) / "README")
    assert (await pull(str(tmp_path / "Pipe"))).new


async def test_a_folder_is_copied_where_it_cannot_be_linked(
    pull: Pulling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    own = put(tmp_path / "Own", with_data())
    folder = (await pull(str(own))).model.file
    shutil.rmtree(own)
    assert content(folder) == with_data()


async def test_a_folder_that_may_not_be_read_is_told(pull: Pulling, tmp_path: Path) -> None:
    locked = tmp_path / "Mine" / "onnx"
    locked.mkdir(parents=True)
    locked.chmod(0)
    try:
        with like_anybody(), pytest.raises(InvalidRequest, match="Mine/onnx cannot be taken: Permission denied"):
            await pull(str(tmp_path / "Mine"))
    finally:
        locked.chmod(0o700)
