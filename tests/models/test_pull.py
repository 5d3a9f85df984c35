"""From what was asked for to an installed model, against a hub on this machine that does all that a hub can do wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import orjson
import pytest
from filelock import FileLock
from tests.models.conftest import NAME, Pulling
from tests.models.hubs import COMMIT, REPO, FakeHub, model, sha256

from mecum.engine.gguf import BadModel
from mecum.engine.identity import Hashes
from mecum.errors import EngineStartError, InvalidRequest
from mecum.models import fetch
from mecum.models.refusal import PullFailed
from mecum.models.shelf import PARTIAL
from mecum.models.unfinished import drop, unfinished


def left(pull: Pulling) -> set[str]:
    """Return the names of what is in the folder of models, but for the folder of what is not whole."""
    return {file.name for file in pull.shelf.folder.iterdir() if file.name != PARTIAL}


async def test_a_repository_is_pulled_in_the_quantisation_that_fits(fake: FakeHub, pull: Pulling) -> None:
    fake.files |= {"Tiny-Q8_0.gguf": model(600_000), "Tiny-Q2_K.gguf": model(100_000), "mmproj-Tiny-F16.gguf": model()}
    pulled = await pull(f"hf:{REPO}")
    assert pulled.new
    assert pulled.model.file == pull.shelf.folder / NAME
    assert pulled.model.file.read_bytes() == fake.files[NAME]
    assert pulled.model.sha256 == {NAME: sha256(fake.files[NAME])}
    origin = pulled.model.origin
    assert origin is not None
    assert (origin.source, origin.revision, origin.licence) == (f"hf:{REPO}:{NAME}", COMMIT, "apache-2.0")
    assert left(pull) == {NAME, f"{NAME}.json"}
    assert pull.said[0].startswith("Q4_K_M (")
    assert "Q2_K (" in pull.said[1]
    assert "Q8_0 (" in pull.said[1]
    assert "mmproj" not in pull.said[1]
    assert f"/resolve/{COMMIT}/" in fake.asked("/resolve/")[0].path
    known = Hashes(pull.shelf.home / "cache").known((pulled.model.file.resolve(),))
    assert known == sha256(fake.files[NAME])


@pytest.mark.parametrize("what", ["Q8_0", "q8_0", "Tiny-Q8_0.gguf"])
async def test_a_file_or_a_quantisation_can_be_named(fake: FakeHub, pull: Pulling, what: str) -> None:
    fake.files["Tiny-Q8_0.gguf"] = model(600_000)
    assert (await pull(f"hf:{REPO}:{what}")).model.file.name == "Tiny-Q8_0.gguf"
    assert pull.said == []


async def test_what_it_does_not_have_is_told_with_what_it_has(fake: FakeHub, pull: Pulling) -> None:
    with pytest.raises(InvalidRequest, match=r"has no Q5_K_M\. It has: Q4_K_M \("):
        await pull(f"hf:{REPO}:Q5_K_M")
    with pytest.raises(InvalidRequest, match=r"'README\.md' is not the name of a GGUF file"):
        await pull(f"hf:{REPO}:README.md")
    fake.files.clear()
    with pytest.raises(InvalidRequest, match="has no GGUF model"):
        await pull(f"hf:{REPO}")


async def test_what_fits_no_memory_is_only_taken_when_it_is_named(fake: FakeHub, pull: Pulling) -> None:
    pull.memory = 300_000_000
    with pytest.raises(InvalidRequest, match=r"None of .* fits the 0\.3 GB .*mecum pull hf:tiny/Tiny-GGUF:Q4_K_M"):
        await pull(f"hf:{REPO}")
    assert (await pull(f"hf:{REPO}:Q4_K_M")).new
    assert "It needs about 0.5 GB of memory" in pull.said[0]


async def test_the_same_again_is_there_at_once_and_without_the_network(fake: FakeHub, pull: Pulling) -> None:
    await pull(f"hf:{REPO}")
    fake.seen.clear()
    again = await pull(f"hf:{REPO}")
    assert not again.new
    assert fake.seen == []
    other = await pull(f"hf:{REPO}:{NAME}")  # other words for the same: the hub is asked, nothing is fetched
    assert not other.new
    assert [one.path for one in fake.seen] == [f"/api/models/{REPO}?blobs=true"]


async def test_a_file_that_changed_since_is_not_taken_for_the_same(fake: FakeHub, pull: Pulling) -> None:
    model_file = (await pull(f"hf:{REPO}")).model.file
    os.utime(model_file, ns=(1, 1))
    with pytest.raises(InvalidRequest, match=f"There is a {NAME} already, from hf:.*mecum models remove {NAME}"):
        await pull(f"hf:{REPO}")


async def test_nothing_is_replaced(fake: FakeHub, pull: Pulling) -> None:
    mine = pull.shelf.folder / NAME
    mine.write_bytes(model(800))
    with pytest.raises(InvalidRequest, match="nothing is replaced"):
        await pull(f"hf:{REPO}")
    assert mine.read_bytes() == model(800)


# ---- what comes wrong


async def test_another_hash_than_the_hubs_is_thrown_away(fake: FakeHub, pull: Pulling) -> None:
    fake.told[NAME] = fake.linked[NAME] = "a" * 64
    with pytest.raises(PullFailed, match=f"its SHA-256 is {sha256(fake.files[NAME])}, and should be {'a' * 64}"):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()
    assert unfinished(pull.shelf) == {}
    del fake.told[NAME], fake.linked[NAME]
    assert (await pull(f"hf:{REPO}")).new


async def test_listing_and_file_must_agree_on_the_hash(fake: FakeHub, pull: Pulling) -> None:
    fake.linked[NAME] = "b" * 64
    with pytest.raises(PullFailed, match="has another SHA-256 on the server"):
        await pull(f"hf:{REPO}")


async def test_the_persons_own_hash_counts(fake: FakeHub, pull: Pulling) -> None:
    with pytest.raises(PullFailed, match=r"The hub has .* with another SHA-256"):
        await pull(f"hf:{REPO}", "d" * 64)
    url = f"{fake.cdn}/blob/{NAME}"
    pull.said.clear()
    with pytest.raises(PullFailed, match=f"should be {'d' * 64}"):
        await pull(url, "d" * 64)
    assert (await pull(url, sha256(fake.files[NAME]))).new
    assert pull.said == []
    with pytest.raises(InvalidRequest, match="already"):  # the same address, but another hash
        await pull(url, "d" * 64)


async def test_without_any_hash_it_says_so(fake: FakeHub, pull: Pulling) -> None:
    await pull(f"{fake.cdn}/blob/{NAME}")
    assert pull.said == [f"Nobody said which SHA-256 it must have; it has {sha256(fake.files[NAME])}."]


@pytest.mark.parametrize("content", [b"<html>sign in</html>" * 9000, b"GG", b""])
async def test_what_is_no_model_is_no_model(fake: FakeHub, pull: Pulling, content: bytes) -> None:
    fake.files[NAME] = content
    with pytest.raises(EngineStartError, match=r"not a GGUF model|is cut off"):
        await pull(f"hf:{REPO}:{NAME}")
    assert left(pull) == set()
    assert unfinished(pull.shelf) == {}


async def test_a_hostile_header_never_gets_its_name(fake: FakeHub, pull: Pulling) -> None:
    fake.files[NAME] = model()[:-4000]  # its tensors lie beyond its end
    with pytest.raises(BadModel, match=f"^{NAME} is cut off") as caught:
        await pull(f"hf:{REPO}")
    assert str(pull.shelf.folder) not in caught.value.message
    assert left(pull) == set()
    assert unfinished(pull.shelf) == {}


async def test_a_name_of_the_hubs_leads_nowhere(fake: FakeHub, pull: Pulling) -> None:
    fake.files = {"../../evil-Q4_K_M.gguf": model()}
    fake.redirect = "{cdn}/blob/..%2f..%2fevil-Q4_K_M.gguf"
    assert (await pull(f"hf:{REPO}")).model.file == pull.shelf.folder / "evil-Q4_K_M.gguf"
    fake.files = {"sub/Tiny-Q4_K_M.gguf": model()}
    fake.redirect = "{cdn}/blob/{path}"
    assert (await pull(f"hf:{REPO}:Tiny-Q4_K_M.gguf")).model.file == pull.shelf.folder / "Tiny-Q4_K_M.gguf"


# ---- split models


def split(fake: FakeHub, pieces: int = 3, says: int | None = None) -> list[str]:
    names = [f"Q4_K_M/Big-Q4_K_M-{number:05d}-of-{pieces:05d}.gguf" for number in range(1, pieces + 1)]
    fake.files = {
        name: model(50_000 + number, **{"split.count": ("u16", pieces if says is None else says)})
        for number, name in enumerate(names)
    }
    return names


async def test_a_split_model_comes_whole_and_is_one(fake: FakeHub, pull: Pulling) -> None:
    names = split(fake)
    pulled = await pull(f"hf:{REPO}")
    assert [file.name for file in pulled.model.files] == [name.rpartition("/")[2] for name in names]
    assert pulled.model.size == sum(map(len, fake.files.values()))
    assert len(pulled.model.sha256) == 3
    assert [one.file for one in pull.shelf.installed() if not one.starter] == [pulled.model.file]
    assert not (await pull(f"hf:{REPO}")).new
    pull.shelf.remove(pulled.model)
    assert left(pull) == set()


async def test_a_split_model_by_its_address(fake: FakeHub, pull: Pulling) -> None:
    names = split(fake, 2)
    pulled = await pull(f"{fake.cdn}/blob/{names[1]}?key=1")
    assert len(pulled.model.files) == 2
    assert [one.path for one in fake.seen] == [f"/blob/{name}?key=1" for name in names]
    with pytest.raises(InvalidRequest, match="for a single file"):
        await pull(f"{fake.cdn}/blob/{names[0]}", "a" * 64)


async def test_a_part_that_fails_keeps_the_others_for_the_next_time(fake: FakeHub, pull: Pulling) -> None:
    names = split(fake)
    fake.told[names[2]] = fake.linked[names[2]] = "e" * 64
    with pytest.raises(PullFailed, match="e" * 64):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()
    fake.told.clear()
    fake.linked.clear()
    fake.seen.clear()
    assert (await pull(f"hf:{REPO}")).new
    assert len(fake.asked("/blob/")) <= 2  # at least the first one was there


async def test_a_model_of_another_number_of_files_is_refused(fake: FakeHub, pull: Pulling) -> None:
    split(fake, 2, says=5)
    with pytest.raises(PullFailed, match="says that its model has 5 files, and 2 came"):
        await pull(f"hf:{REPO}")
    assert left(pull) == set()


# ---- files of this machine


async def test_a_file_is_linked_and_stays_as_it_is(pull: Pulling, tmp_path: Path) -> None:
    mine = tmp_path / "Mine-Q8_0.gguf"
    mine.write_bytes(model())
    pulled = await pull(str(mine))
    assert pulled.model.file.samefile(mine)
    assert pulled.model.sha256 == {mine.name: sha256(model())}
    assert not (await pull(str(mine))).new
    pull.shelf.remove(pulled.model)
    assert mine.read_bytes() == model()


async def test_a_file_is_copied_where_it_cannot_be_linked(
    pull: Pulling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    mine = tmp_path / "Mine-Q8_0.gguf"
    mine.write_bytes(model())
    pulled = await pull(str(mine), sha256(model()))
    assert not pulled.model.file.samefile(mine)
    assert pulled.model.file.read_bytes() == model()
    assert pulled.model.file.stat().st_mode & 0o777 == 0o600


async def test_files_that_cannot_be_taken(pull: Pulling, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"There is no file gone\.gguf"):
        await pull("gone.gguf")
    with pytest.raises(InvalidRequest, match="For a repository of the hub: hf:owner/repo"):
        await pull("owner/repo")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(BadModel):
        await pull(str(tmp_path / "bad.gguf"))
    (tmp_path / "model.bin").write_bytes(model())
    with pytest.raises(InvalidRequest, match="not the name of a GGUF file"):
        await pull(str(tmp_path / "model.bin"))


async def test_what_lies_in_the_hubs_cache_is_not_fetched(fake: FakeHub, pull: Pulling) -> None:
    digest = sha256(fake.files[NAME])
    blob = pull.cache / "models--tiny--Tiny-GGUF" / "blobs" / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(fake.files[NAME])
    pulled = await pull(f"hf:{REPO}")
    assert pulled.model.file.samefile(blob)
    assert fake.asked("/resolve/") == []


async def test_a_damaged_cache_is_told(fake: FakeHub, pull: Pulling) -> None:
    blob = pull.cache / "models--tiny--Tiny-GGUF" / "blobs" / sha256(fake.files[NAME])
    blob.parent.mkdir(parents=True)
    blob.write_bytes(bytes(len(fake.files[NAME])))
    with pytest.raises(PullFailed, match="is not what was promised"):
        await pull(f"hf:{REPO}")


# ---- two at once, and stopping


async def test_two_pulls_never_work_on_one_file(pull: Pulling) -> None:
    folder = pull.shelf.folder / PARTIAL
    folder.mkdir()
    with FileLock(folder / f"{NAME}.lock"):
        with pytest.raises(PullFailed, match="A mecum pull is bringing"):
            await pull(f"hf:{REPO}")
        with pytest.raises(PullFailed, match="A mecum pull is bringing"):
            drop(pull.shelf, NAME)


async def test_stopped_it_keeps_what_came_and_goes_on(fake: FakeHub, pull: Pulling) -> None:
    fake.files[NAME] = model(1_500_000)
    fake.pause = 0.02
    task = asyncio.create_task(pull(f"hf:{REPO}"))
    while pull.meter.done < 300_000:  # noqa: ASYNC110 -- the meter tells nobody
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    came = unfinished(pull.shelf)[NAME]
    assert 300_000 <= came < 1_500_000
    fake.pause = 0
    assert (await pull(f"hf:{REPO}")).new
    assert fake.asked("/blob/")[-1].headers["range"] == f"bytes={came}-"
    assert unfinished(pull.shelf) == {}


async def test_what_was_begun_can_be_dropped(fake: FakeHub, pull: Pulling) -> None:
    fake.cut = [100_000] + [0] * 9
    with pytest.raises(PullFailed, match="5 times in a row"):
        await pull(f"hf:{REPO}")
    assert unfinished(pull.shelf) == {NAME: 100_000}
    drop(pull.shelf, NAME)
    assert unfinished(pull.shelf) == {}


async def test_no_room_is_told_before_anything_is_fetched(
    fake: FakeHub, pull: Pulling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SPARE", 1 << 60)
    with pytest.raises(PullFailed, match=r"has .* GB free, and 0\.0 GB are to come\. Free some room"):
        await pull(f"hf:{REPO}")
    assert fake.asked("/resolve/") == []


# ---- the listing


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"siblings": 3}', b"{}"])
async def test_what_is_no_listing_is_told(fake: FakeHub, pull: Pulling, content: bytes) -> None:
    fake.listing = content
    with pytest.raises(PullFailed, match=r"does not answer as the hub does\. Check HF_ENDPOINT"):
        await pull(f"hf:{REPO}")


async def test_a_busy_hub_is_asked_again(fake: FakeHub, pull: Pulling) -> None:
    fake.statuses = [-503, -429]
    assert (await pull(f"hf:{REPO}")).new
    fake.statuses = [-503, -503, -503]
    with pytest.raises(PullFailed, match=r"status 503\. Try again later"):
        await pull(f"hf:{REPO}:Q8_0")


async def test_a_repository_that_nobody_may_see(fake: FakeHub, pull: Pulling) -> None:
    fake.token = "hf_secret"
    with pytest.raises(PullFailed, match="no such repository, or it wants a token: HF_TOKEN"):
        await pull(f"hf:{REPO}")
    fake.error_code = "GatedRepo"
    with pytest.raises(PullFailed, match="accept the terms on its page, and set HF_TOKEN"):
        await pull(f"hf:{REPO}")
    fake.error_code = ""
    with pytest.raises(PullFailed, match="no such repository, or it wants a token"):
        await pull("hf:no/body")
    pull.token = "hf_secret"
    with pytest.raises(PullFailed, match="The hub has no"):
        await pull("hf:no/body")
    assert (await pull(f"hf:{REPO}")).new
    kept = orjson.loads((pull.shelf.folder / f"{NAME}.json").read_bytes())
    assert "hf_secret" not in str(kept)


async def test_offline_is_respected_and_files_still_come(pull: Pulling, tmp_path: Path) -> None:
    pull.offline = True
    with pytest.raises(PullFailed, match="HF_HUB_OFFLINE is set"):
        await pull(f"hf:{REPO}")
    (tmp_path / "Mine-Q8_0.gguf").write_bytes(model())
    assert (await pull(str(tmp_path / "Mine-Q8_0.gguf"))).new
