"""The store in one SQLite file. `Sqlite` is the store; the modules beside it are its parts."""

from mecum.store.sqlite.store import Sqlite

__all__ = ["Sqlite"]
