"""The one thread that writes.

Invariants, proved by `tests/store/sqlite/test_writer.py` and `test_kill.py`:
  - each piece of work is a transaction of its own: its result is seen only after the commit that made it durable, and its
    failure leaves nothing behind;
  - pieces that wait for each other's commit share one (a commit waits for the disk, whatever its size); where a shared
    commit fails, each is tried alone, so that one that does not fit the disk fails alone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import apsw

from mecum.errors import StoreError
from mecum.store.sqlite.faults import translated

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
_TOGETHER: Final = 64  # pieces of work in one commit, at most
_RETRY: Final = 60.0  # seconds until upkeep that failed is tried again


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    alone: bool = False  # it runs outside of a transaction
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs work on a connection of its own, in turn; when there is none, the upkeep that was asked for.

    `upkeep` does one short piece, and returns in how many seconds it wants to be called again, or None.
    """

    def __init__(self, connection: apsw.Connection, upkeep: Callable[[apsw.Connection], float | None]) -> None:
        self._connection = connection
        self._upkeep = upkeep
        self._upkeep_at: float | None = None  # on the monotonic clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T], *, alone: bool = False) -> Future[T]:
        """Run work in a transaction (or, `alone`, outside of any); the future is done after the commit."""
        job = _Job(work, alone)
        with self._lock:
            if self._closed:
                raise StoreError("The store is closed: the server is shutting down.")
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Finish all that was submitted, and end the thread. The connection stays open."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def ask_upkeep(self) -> None:
        """Ask for upkeep as soon as there is nothing else to do. To be called from work."""
        self._upkeep_at = 0.0

    def _run(self) -> None:
        while True:
            jobs, closing = self._take()
            if jobs:
                self._do(jobs)
            if closing:
                return

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for work, keeping the house meanwhile, and return all that is there, as far as it may share a commit."""
        jobs: list[_Job] = []
        try:
            while len(jobs) < _TOGETHER:
                job = self._jobs.get(timeout=0 if jobs else self._leisure())
                if job is None:
                    return jobs, True
                if job.future.set_running_or_notify_cancel():
                    jobs.append(job)
        except queue.Empty:
            if not jobs:
                self._keep()
        return jobs, False

    def _leisure(self) -> float | None:
        """Return how long to wait for work before upkeep is due, in seconds; None: as long as it takes."""
        return None if self._upkeep_at is None else max(0.0, self._upkeep_at - time.monotonic())

    def _keep(self) -> None:
        try:
            with translated():
                again = self._upkeep(self._connection)
        except StoreError:
            again = _RETRY
        self._upkeep_at = None if again is None else time.monotonic() + again

    def _do(self, jobs: list[_Job]) -> None:
        together: list[_Job] = []
        for job in jobs:
            if job.alone:
                self._commit(together)
                together = []
                self._attempt(job, self._plain)
            else:
                together.append(job)
        self._commit(together)

    def _commit(self, jobs: list[_Job]) -> None:
        if len(jobs) > 1 and self._shared(jobs):
            for job in jobs:
                job.settle()
            return
        for job in jobs:
            self._attempt(job, self._transaction)

    def _attempt(self, job: _Job, run: Callable[[Work[Any]], Any]) -> None:
        job.result, job.error = None, None
        try:
            with translated():
                job.result = run(job.work)
        except Exception as error:  # noqa: BLE001 # a worker's loop: whoever waits for the result gets the error
            job.error = error
        job.settle()

    def _shared(self, jobs: list[_Job]) -> bool:
        """Run the work in one transaction, each piece in a savepoint of it; False when the transaction failed."""
        try:
            self._transaction(lambda db: self._saved(db, jobs))
        except Exception:  # noqa: BLE001 # a worker's loop: each is tried alone, and gets its own error
            return False
        return True

    def _saved(self, db: apsw.Connection, jobs: list[_Job]) -> None:
        for job in jobs:
            db.execute("SAVEPOINT job")
            try:
                job.result = job.work(db)
            except apsw.Error:
                raise  # the disk's fault may have ended the transaction: each is tried alone
            except Exception as error:  # noqa: BLE001 # as in _attempt
                job.error = error
                db.execute("ROLLBACK TO job")
            db.execute("RELEASE job")

    def _plain(self, work: Work[T]) -> T:
        return work(self._connection)

    def _transaction(self, work: Work[T]) -> T:
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
            db.execute("COMMIT")
        except BaseException:  # whatever it was, an open transaction must not outlive it
            if db.in_transaction:  # a full disk may have ended it already
                db.execute("ROLLBACK")
            raise
        return result
