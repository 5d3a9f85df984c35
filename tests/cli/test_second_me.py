"""What is read out of a Second Me folder, and what never is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.second_me_folder import Folder

from mecum.cli.second_me import LeftOut, OldDocument, opened
from mecum.errors import InvalidRequest


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "second-me")


def documents(folder: Folder) -> list[OldDocument | LeftOut]:
    with opened(folder.path) as old:
        return list(old.documents())


def only(folder: Folder) -> OldDocument | LeftOut:
    (found,) = documents(folder)
    return found


def notes(folder: Folder) -> dict[str, str]:
    with opened(folder.path) as old:
        return {note.label.removeprefix("Second Me notes/"): note.text for note in old.notes()}


# ---- documents


def test_a_document_is_its_file(folder: Folder) -> None:
    folder.file("trip.md", "# Trip")
    folder.put(
        "document", id=7, name="trip.md", title="The trip", raw_content="Trip", user_description="about it",
        url="https://example.org", create_time="2025-03-01 12:30:00",
    )  # fmt: skip
    folder.put("memories", id="m", name="trip.md", path="resources/raw_content/trip.md", document_id="7")
    assert only(folder) == OldDocument(
        label="trip.md",
        title="The trip",
        file=(folder.raw / "trip.md").resolve(),
        date=datetime(2025, 3, 1, 12, 30, tzinfo=UTC).timestamp(),
        metadata={"second_me_id": 7, "description": "about it", "url": "https://example.org"},
    )


@pytest.mark.parametrize(
    "path",
    [
        "sub/a.txt",
        "resources/raw_content/sub/a.txt",
        "/app/resources/raw_content/sub/a.txt",
        "C:\\Second-Me\\resources\\raw_content\\sub\\a.txt",
        "/raw_content/resources/raw_content/sub/a.txt",
    ],
)
def test_a_file_is_found_wherever_second_me_was_installed(folder: Folder, path: str) -> None:
    file = folder.file("sub/a.txt", "text")
    folder.put("document", id=1, name="a.txt")
    folder.put("memories", id="m", name="a.txt", path=path, document_id="1")
    found = only(folder)
    assert isinstance(found, OldDocument)
    assert found.file == file.resolve()


def test_where_the_file_is_missing_its_text_is_taken(folder: Folder) -> None:
    folder.put("document", id=1, name="scan.pdf", raw_content=" what it said ")
    folder.put("document", id=2, name="note.md", raw_content="# Note")
    folder.put("document", id=3, name="empty.pdf", raw_content="")
    pdf, note, empty = documents(folder)
    assert isinstance(pdf, OldDocument)
    assert (pdf.label, pdf.title, pdf.file, pdf.text) == ("scan.pdf.txt", "scan.pdf", None, "what it said")
    assert isinstance(note, OldDocument)
    assert note.label == "note.md"
    assert empty == LeftOut("empty.pdf", "its file is not in the folder, and there is no text of it")


def test_what_was_deleted_stays_so(folder: Folder) -> None:
    folder.upload(1, "old.txt", "x", status="deleted")
    folder.upload(2, "new.txt", "x")
    folder.put("memories", id="again", name="new.txt", path="new.txt", document_id="2", status="deleted")
    folder.put("memories", id="alone", name="lost.txt", path="lost.txt", status="deleted")
    old, new, lost = documents(folder)
    assert old == LeftOut("old.txt", "it was deleted in Second Me")
    assert isinstance(new, OldDocument)
    assert lost == LeftOut("lost.txt", "it was deleted in Second Me")


def test_a_file_without_a_document_is_taken_too(folder: Folder) -> None:
    file = folder.file("a.txt", "x")
    folder.put("memories", id="m", name="a.txt", path="a.txt", created_at="2025-01-01 00:00:00.5")
    folder.put("memories", id="n", name="b.txt", path="b.txt", document_id="99")
    first, second = documents(folder)
    assert first == OldDocument("a.txt", "a.txt", file=file.resolve(), date=1735689600.5)
    assert second == LeftOut("b.txt", "its file is not in the folder")


def test_two_of_one_name_have_two_labels(folder: Folder) -> None:
    for number in (1, 2):
        folder.put("document", id=number, name="a.txt", raw_content=str(number))
    folder.file("a.txt", "x")
    folder.put("memories", id="m", name="a.txt", path="a.txt")
    assert [one.label for one in documents(folder)] == ["1/a.txt", "2/a.txt", "m/a.txt"]


# ---- paths that lead elsewhere

HOSTILE = [
    "../../../outside.txt", "../outside.txt", "raw_content/../../../outside.txt", "..\\..\\..\\outside.txt",
    "raw_content\\..\\..\\..\\outside.txt", "{outside}", "//{outside}", "\\\\?\\{outside}", "/raw_content/{outside}",
    "link.txt", "folder/outside.txt", "loop/loop/x", "../../data/sqlite/lpm.db", "..", ".", "", "/", "raw_content",
    "a\0.txt", "CON", "aux.txt", "x" * 5000, "~/outside.txt", "$HOME/outside.txt", "file://{outside}", "pipe", "sub",
    "%2e%2e/%2e%2e/%2e%2e/outside.txt", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("column", ["path", "url", "name"])
def test_no_path_leads_out_of_the_raw_content(folder: Folder, tmp_path: Path, number: int, column: str) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    (folder.raw / "link.txt").symlink_to(outside)
    (folder.raw / "folder").symlink_to(tmp_path)
    (folder.raw / "loop").symlink_to(folder.raw / "loop")
    (folder.raw / "sub").mkdir()
    os.mkfifo(folder.raw / "pipe")
    place = HOSTILE[number].replace("{outside}", str(outside)).encode("utf-8", "replace").decode()
    row = {"name": "missing.txt", "url": "", "path": "missing.txt"} | {column: place}
    folder.put("document", id=1, name=row["name"], url=row["url"])
    folder.put("memories", id="m", name=row["name"], path=row["path"], document_id="1")
    folder.put("memories", id="n", name=row["name"], path=row["path"])
    for found in documents(folder):
        assert isinstance(found, LeftOut)
        assert not found.label.startswith("/")
        assert ".." not in found.label.split("/")
        assert found.label


def test_raw_content_that_is_a_link_out_of_the_folder_is_not_read(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("secret")
    folder.raw.rmdir()
    folder.raw.symlink_to(tmp_path / "elsewhere")
    folder.put("document", id=1, name="a.txt")
    assert isinstance(only(folder), LeftOut)


# ---- roles and notes


def test_roles_keep_their_ids_and_flags(folder: Folder) -> None:
    folder.put(
        "roles", uuid="role_a1b2c3", name="Guide", description=None, system_prompt="You guide.", icon="i", is_active=0
    )
    folder.put("roles", uuid="role_x", name="B", description="d", system_prompt="p", enable_l0_retrieval=0)
    with opened(folder.path) as old:
        first, second = old.roles()
    assert first == {
        "uuid": "role_a1b2c3",
        "name": "Guide",
        "description": "",
        "system_prompt": "You guide.",
        "icon": "i",
        "is_active": False,
        "enable_l0_retrieval": True,
        "enable_l1_retrieval": True,
    }
    assert (second["is_active"], second["enable_l0_retrieval"]) == (True, False)


def test_the_newest_biography_topics_and_status_are_notes(folder: Folder) -> None:
    for version in (1, 3, 2):
        folder.put("l1_bios", version=version, content="You …", content_third_view=f"They are {version}.")
        folder.put("l1_shades", version=version, name=f"Sailing {version}", desc_third_view="d", content_third_view="c")
    folder.put("l1_shades", version=3, name="Empty")
    folder.put("l1_shades", version=3, content_second_view="You cook.")
    folder.put("status_biography", content="Lately …", content_third_view="", summary="", summary_third_view="")
    folder.put(
        "loads", id="1", name="Ann", description="Likes tea.", instance_password="secret", email="ann@example.org"
    )  # fmt: skip
    folder.put("loads", id="2", name="Old", status="deleted")
    assert notes(folder) == {
        "Biography.md": "# Biography\n\nThey are 3.\n",
        "Recent status.md": "# Recent status\n\nLately …\n",
        "Profile.md": "# Profile\n\nName: Ann\n\nLikes tea.\n",
        "Topics.md": "# Topics\n\n## Sailing 3\n\nd\n\nc\n\n## Topic\n\nYou cook.\n",
    }


def test_an_empty_folder_gives_nothing(folder: Folder) -> None:
    with opened(folder.path) as old:
        assert (old.roles(), list(old.documents()), list(old.notes())) == ([], [], [])


# ---- the database


def test_nothing_in_the_folder_is_changed(folder: Folder) -> None:
    folder.upload(1, "a.txt", "x")
    for mode in ("wal", "delete"):
        folder.run(f"PRAGMA journal_mode = {mode}")
        before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.path.rglob("*") if file.is_file()}
        assert len(documents(folder)) == 1
        assert before == {
            file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.path.rglob("*") if file.is_file()
        }


def test_the_folder_may_be_named_by_its_data_alone(folder: Folder) -> None:
    folder.put("document", id=1, name="a.txt", raw_content="text")
    for path in (folder.path / "data", folder.path / "data" / "sqlite"):
        with opened(path) as old:
            assert [one.label for one in old.documents()] == ["a.txt"]


def test_older_and_odd_databases_are_read_as_far_as_they_go(folder: Folder) -> None:
    for table in ("chunk", "memories", "roles", "loads", "l1_bios", "l1_shades", "status_biography", "document"):
        folder.run(f"DROP TABLE {table}")
    folder.run("CREATE TABLE document (id, name, raw_content, create_time)")
    folder.put("document", id="x", name=b"a\xff.txt", raw_content=3.5, create_time="yesterday")
    with opened(folder.path) as old:
        assert list(old.documents()) == [
            OldDocument("a\ufffd.txt", "a\ufffd.txt", text="3.5", metadata={"second_me_id": "x"})
        ]
        assert (old.roles(), list(old.notes())) == ([], [])


def test_views_and_other_schemas_are_not_read(folder: Folder) -> None:
    folder.run("DROP TABLE roles")
    folder.run("CREATE VIEW roles AS SELECT 1 AS uuid")
    with opened(folder.path) as old:
        assert old.roles() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "There is no data/sqlite/lpm.db"), (b"", "no database of Second Me"), (b"x" * 5000, "cannot be read")],
)
def test_what_is_no_folder_of_second_me_is_said(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "lpm.db").write_bytes(content)
    with pytest.raises(InvalidRequest, match=message), opened(tmp_path):
        pass
