"""Sends a run's records in transactions, in a thread of its own, while training goes on."""

from __future__ import annotations

import atexit
import json
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.schema_registry.error import SchemaRegistryError

from calibrant.connection import Connection, ConnectionProblem, Writer, _produce, words
from calibrant.records import Outgoing, size

OnError = Literal["wait", "drop", "raise"]

_LOG = logging.getLogger("calibrant")
_TRANSACTION = 60.0
_PATIENCE = 10.0
_PAUSE = 0.5
# Seconds without progress after which records of a training that was broken off are given up.
_PARTING = 5.0
_FENCED = {
    KafkaError._FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED if hasattr(KafkaError, "PRODUCER_FENCED") else KafkaError._FENCED,
}
_REFUSED = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError._INVALID_ARG,
    KafkaError.RECORD_LIST_TOO_LARGE,
}
_TOPICS = ("runs", "adapters", "progress", "statistics", "questions", "labels")


_OPEN: weakref.WeakSet[Publisher] = weakref.WeakSet()


@atexit.register
def _part_all() -> None:
    """A program that ends takes the sending threads with it: what waits is sent before, or counted and said."""
    for publisher in list(_OPEN):
        publisher.part()


class Publisher:
    """A queue in front of a transactional producer. A transaction is sent until it is committed, or given up.

    ``on_error`` says what becomes of records that find the queue full, or the broker away: ``wait`` (the caller waits),
    ``drop`` (they are counted in ``dropped``) or ``raise`` (``ConnectionProblem``). ``first`` is called in the sending
    thread as soon as broker and registry answer; what it raises ends the publisher. ``naming`` gives a record as it
    goes out.
    """

    def __init__(
        self,
        connection: Connection,
        run: str,
        source: str,
        on_error: OnError = "wait",
        buffer_bytes: int = 64_000_000,
        first: Callable[[], None] | None = None,
        naming: Callable[[Outgoing], Outgoing] | None = None,
    ) -> None:
        if on_error not in ("wait", "drop", "raise"):
            raise ValueError(f"on_error must be 'wait', 'drop' or 'raise', got {on_error!r}")
        self._connection = connection
        self._run = run
        self._source = source
        self._on_error = on_error
        self._most = buffer_bytes
        self._first = first
        self._naming = naming or (lambda record: record)
        self._contact = threading.Event()
        self._id = f"{connection.topic_prefix}calibrant-trainer-{run}-{source.replace('/', '-of-')}"
        self._waiting: queue.Queue[Sequence[Outgoing] | None] = queue.Queue()
        self._room = threading.Condition()
        self._bytes = 0
        self._open = 0
        self._given_up = False
        self._moved = time.monotonic()  # when records were last committed, or given up
        self._producer: Producer | None = None
        self._writer: Writer | None = None
        self.sent = 0
        """Records that are committed."""
        self.dropped = 0
        """Records that were given up."""
        self.waited = 0.0
        """Seconds that the caller has waited."""
        self.problem: str | None = None
        """What keeps records from being sent, now."""
        self.failure: Exception | None = None
        """What ended the publisher."""
        self._thread = threading.Thread(target=self._work, name=f"calibrant-{run}", daemon=True)
        self._thread.start()
        _OPEN.add(self)

    def submit(self, records: Sequence[Outgoing], patience: float | None = None) -> bool:
        """Gives the records of a transaction to the queue; false where they were dropped.

        ``patience``: wait for room whatever ``on_error`` says, as long as no so many seconds go by without anything
        being committed; None: as that says.
        """
        self.check()
        weight = size(records)
        with self._room:
            began = time.monotonic()
            while self._bytes and self._bytes + weight > self._most and self.failure is None:
                if patience is None and self._on_error == "drop":
                    break
                if patience is not None and self._idle(began) > patience:
                    break
                self.check()
                self._room.wait(0.2)
            self.waited += time.monotonic() - began
            full = bool(self._bytes) and self._bytes + weight > self._most
            if full or self.failure is not None or self._given_up:
                self._count_dropped(records)
                return False
            self._bytes += weight
            self._open += 1
            self._waiting.put(records)  # within: who leaves some out puts the others back in their order
        return True

    def await_contact(self, patience: float) -> None:
        """Waits until broker and registry answer, or cannot be reached. Raises ``ValueError`` where ``first`` did."""
        until = time.monotonic() + patience
        while not self._contact.wait(0.05) and self.problem is None and time.monotonic() < until:
            pass
        if isinstance(self.failure, ValueError):
            raise self.failure

    def check(self) -> None:
        """Raises ``ConnectionProblem`` where there is a problem and ``on_error`` is ``raise``."""
        if self._on_error == "raise" and (self.failure is not None or self.problem is not None):
            said = self.problem or str(self.failure)
            self._given_up = True
            self._waiting.put(None)
            raise ConnectionProblem(said)

    def flush(self, patience: float | None) -> bool:
        """Waits until everything is committed; false where nothing was for so many seconds."""
        with self._room:
            began = time.monotonic()
            while self._open and self.failure is None and (patience is None or self._idle(began) < patience):
                self.check()
                self._room.wait(0.2)
            return not self._open

    def _idle(self, began: float) -> float:
        """Seconds of a wait in which nothing was committed."""
        return time.monotonic() - max(began, self._moved)

    def part(self, patience: float | None = None) -> None:
        """Ends a training: sends what waits, and says what is lost.

        ``patience``: seconds without anything being committed, after which the rest is given up; a broker that is away
        may come back within them. None: those of a training that was broken off.
        """
        most = _PARTING if patience is None else patience
        before = self.dropped
        try:
            with self._room:
                began = time.monotonic()
                while self._open and self.failure is None and self._idle(began) < most:
                    self._room.wait(0.1)
        finally:
            self.close()
        if self.dropped > before:
            said = self.problem or self.failure or "slow broker"
            _LOG.warning("%d records of run %r are dropped: %s", self.dropped - before, self._run, said)

    def close(self) -> None:
        """Ends the thread; what is still waiting is dropped and counted."""
        _OPEN.discard(self)
        self._given_up = True
        self._waiting.put(None)
        self._thread.join(2 * _PATIENCE)

    # --- the sending thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._begin()
            while (records := self._waiting.get()) is not None:
                self._until_sent(records)
                with self._room:
                    self._bytes -= size(records)
                    self._open -= 1
                    self._moved = time.monotonic()
                    self._room.notify_all()
        except Exception as problem:
            self.failure = problem
            self._contact.set()
            _LOG.warning("run %r is no longer published: %s", self._run, problem)
        finally:
            with self._room:
                while not self._waiting.empty():
                    left = self._waiting.get()
                    if left is not None:
                        self._count_dropped(left)
                        self._open -= 1
                self._bytes = 0
                self._room.notify_all()
            self._producer = None

    def _begin(self) -> None:
        while self._first is not None and not self._given_up:
            try:
                self._first()
                self.problem = None
                self._contact.set()
                return
            except ValueError:
                raise
            except Exception as problem:
                self._away(problem)

    def _until_sent(self, records: Sequence[Outgoing]) -> None:
        while not self._given_up:
            began = time.monotonic()
            try:
                self._send(records)
                self.sent += len(records)
                if self.problem is not None:
                    _LOG.warning("run %r: records are sent again", self._run)
                self.problem = None
                return
            except KafkaException as problem:
                if not self._recover(problem, time.monotonic() - began > _TRANSACTION, records):
                    return
            except SchemaRegistryError as problem:
                self._abort()
                if 400 <= problem.http_status_code < 500 and problem.http_status_code not in (401, 403, 404, 408, 429):
                    self._refused(str(problem), records)
                    return
                self._away(problem)
            except (ConnectionProblem, OSError, json.JSONDecodeError) as problem:  # or a page for the registry's word
                self._abort()
                self._away(problem)
            except (ValueError, TypeError) as problem:
                self._abort()
                self._refused(f"cannot be written: {problem}", records)
                return
            except Exception as problem:  # of the registry's HTTP client, whichever that is
                self._abort()
                self._away(problem)
        self._count_dropped(records)

    def _send(self, records: Sequence[Outgoing]) -> None:
        producer = self._ready()
        if self._writer is None:
            self._writer = Writer(self._connection)
        named = [self._naming(one) for one in records]
        encoded = [(one.topic, one.key, self._writer(one.topic, one.value)) for one in named]
        failed: list[KafkaError] = []

        def delivered(problem: KafkaError | None, message: Any) -> None:
            if problem is not None:
                failed.append(problem)

        producer.begin_transaction()
        for topic, key, value in encoded:
            _produce(producer, self._connection.topic(topic), key, value, delivered)
        while True:
            try:
                producer.commit_transaction(_PATIENCE)
                return
            except KafkaException as problem:
                real = next((one for one in failed if one.code() in _REFUSED), None)
                if real is not None:
                    raise KafkaException(real) from problem
                if not problem.args[0].retriable() or self._given_up:
                    raise
                self._away(problem)

    def _ready(self) -> Producer:
        if self._producer is None:
            producer = self._connection.producer(
                **{
                    "transactional.id": self._id,
                    "transaction.timeout.ms": int(1000 * _TRANSACTION),
                    "message.timeout.ms": int(1000 * _TRANSACTION),
                    "batch.size": 1 << 20,
                }
            )
            known = producer.list_topics(timeout=_PATIENCE).topics
            wanted = [self._connection.topic(name) for name in _TOPICS]
            missing = [name for name in wanted if name not in known]
            if missing:
                raise ConnectionProblem(f"topics {', '.join(missing)} must exist (calibrant topics --apply), got none")
            producer.init_transactions(_PATIENCE)
            self._producer = producer
        return self._producer

    def _recover(self, problem: KafkaException, timed_out: bool, records: Sequence[Outgoing]) -> bool:
        """Whether the records are to be sent again."""
        error: KafkaError = problem.args[0]
        if error.code() in _REFUSED:
            self._abort()
            self._refused(words(problem), records)
            return False
        if error.code() in _FENCED and not timed_out:
            self._count_dropped(records)
            raise ConnectionProblem(
                f"another process has started to publish source {self._source} of run {self._run!r}: this one stops"
            ) from problem
        if error.txn_requires_abort():
            self._abort()
        else:
            self._producer = None  # a new one aborts what this one has left open
        self._away(problem)
        return True

    def _abort(self) -> None:
        try:
            if self._producer is not None:
                self._producer.abort_transaction(_PATIENCE)
        except KafkaException:
            self._producer = None

    def _refused(self, said: str, records: Sequence[Outgoing]) -> None:
        self._count_dropped(records)
        if self._on_error == "raise":
            raise ConnectionProblem(f"records of topic {records[0].topic}: {said}")
        _LOG.warning("%d records of run %r are dropped: %s", len(records), self._run, said)

    def _away(self, problem: Exception) -> None:
        said = words(problem)
        if self.problem is None:
            what = {"wait": "waits", "drop": "drops what finds no room", "raise": "stops"}[self._on_error]
            _LOG.warning("run %r cannot be published, and %s: %s", self._run, what, said)
        self.problem = said
        if self._on_error == "drop":
            self._drop_waiting()
        time.sleep(_PAUSE)

    def _drop_waiting(self) -> None:
        """Live statistics that wait while the broker is away; the rest of a run is needed and stays."""
        kept = []
        with self._room:
            while not self._waiting.empty():
                records = self._waiting.get()
                if records and records[0].value.get("batchesExpected", 0) is None:
                    self._count_dropped(records)
                    self._bytes -= size(records)
                    self._open -= 1
                else:
                    kept.append(records)
            for one in kept:
                self._waiting.put(one)

    def _count_dropped(self, records: Sequence[Outgoing]) -> None:
        self.dropped += len(records)
