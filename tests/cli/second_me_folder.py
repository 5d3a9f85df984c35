"""A Second Me data folder, as its program makes one: the tables of its schema and files beside them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

_STATUS = "TEXT CHECK({0} IN ('INITIALIZED', 'SUCCESS', 'FAILED')) NOT NULL DEFAULT 'INITIALIZED'"
_TIME = "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
_VIEWS = "content TEXT, content_third_view TEXT, summary TEXT, summary_third_view TEXT"
SCHEMA = f"""
CREATE TABLE document (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(255) NOT NULL DEFAULT '', title VARCHAR(511) NOT NULL DEFAULT '',
  extract_status {_STATUS.format("extract_status")}, embedding_status {_STATUS.format("embedding_status")},
  analyze_status {_STATUS.format("analyze_status")}, mime_type VARCHAR(50) NOT NULL DEFAULT '', raw_content TEXT,
  user_description VARCHAR(255) NOT NULL DEFAULT '', create_time {_TIME}, update_time {_TIME},
  url VARCHAR(1023) NOT NULL DEFAULT '', document_size INTEGER NOT NULL DEFAULT 0, insight TEXT, summary TEXT, keywords TEXT
);
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, document_id INTEGER NOT NULL REFERENCES document (id), content TEXT NOT NULL,
  has_embedding BOOLEAN NOT NULL DEFAULT 0, tags TEXT, topic VARCHAR(255), create_time {_TIME}
);
CREATE TABLE memories (
  id VARCHAR(36) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, size INTEGER NOT NULL DEFAULT 0,
  type VARCHAR(50) NOT NULL DEFAULT '', path VARCHAR(1024) NOT NULL, meta_data TEXT, document_id VARCHAR(36),
  created_at {_TIME}, updated_at {_TIME}, status TEXT CHECK(status IN ('active', 'deleted')) NOT NULL DEFAULT 'active'
);
CREATE TABLE roles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid VARCHAR(64) NOT NULL UNIQUE, name VARCHAR(100) NOT NULL UNIQUE,
  description VARCHAR(500), system_prompt TEXT NOT NULL, icon VARCHAR(100), is_active BOOLEAN NOT NULL DEFAULT 1,
  enable_l0_retrieval BOOLEAN NOT NULL DEFAULT 1, enable_l1_retrieval BOOLEAN NOT NULL DEFAULT 1,
  create_time {_TIME}, update_time {_TIME}
);
CREATE TABLE loads (
  id VARCHAR(36) PRIMARY KEY, name VARCHAR(255) NOT NULL, description TEXT, email VARCHAR(255) NOT NULL DEFAULT '',
  avatar_data TEXT, instance_id VARCHAR(255), instance_password VARCHAR(255),
  status TEXT CHECK(status IN ('active', 'inactive', 'deleted')) DEFAULT 'active',
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE l1_bios (id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, {_VIEWS}, create_time {_TIME});
CREATE TABLE l1_shades (
  id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, name VARCHAR(200), aspect VARCHAR(200), icon VARCHAR(100),
  desc_third_view TEXT, content_third_view TEXT, desc_second_view TEXT, content_second_view TEXT, create_time {_TIME}
);
CREATE TABLE status_biography (id INTEGER PRIMARY KEY AUTOINCREMENT, {_VIEWS}, create_time {_TIME}, update_time {_TIME});
"""


class Folder:
    """The folder, empty at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = path / "resources" / "raw_content"
        self.raw.mkdir(parents=True)
        self.database = path / "data" / "sqlite" / "lpm.db"
        self.database.parent.mkdir(parents=True)
        self.run(SCHEMA)

    def run(self, sql: str, *values: Any) -> None:
        with closing(apsw.Connection(str(self.database))) as db:
            db.execute("PRAGMA synchronous = OFF")  # a test survives no power cut
            list(db.execute(sql, values))

    def put(self, table: str, **values: Any) -> None:
        """Add a row."""
        marks = ", ".join("?" * len(values))
        self.run(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())

    def file(self, name: str, content: bytes | str) -> Path:
        """Add a file to the raw content."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def upload(self, number: int, name: str, content: str, *, path: str | None = None, status: str = "active") -> None:
        """Add what Second Me keeps of an uploaded file: the file, its memory and its document."""
        self.file(name, content)
        self.put("document", id=number, name=name, title=f"Title of {name}", raw_content=content)
        where = path or f"/app/resources/raw_content/{name}"
        self.put("memories", id=f"m{number}", name=name, path=where, document_id=str(number), status=status)
