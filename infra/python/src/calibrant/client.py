"""Questions to calibrated answers, labels, validation, and what becomes of a run while it goes on."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from calibrant import connection as wire
from calibrant.answers import Answer
from calibrant.connection import Connection, Reader
from calibrant.questions import (
    Given,
    Question,
    check_name,
    plain_label,
    question_key,
    read,
    trained_texts,
    validation_records,
)

_POLL = 0.2
_LOG = logging.getLogger("calibrant")
_T = TypeVar("_T")


class UnansweredError(Exception):
    """Not every question was answered: ``refused`` has the scorer's reasons, ``missing`` the ids without a word."""

    def __init__(self, answers: list[Answer], refused: dict[str, str], missing: list[str]) -> None:
        self.answers = answers
        self.refused = refused
        self.missing = missing
        parts = []
        if refused:
            first = next(iter(refused))
            parts.append(f"{len(refused)} refused by the scorer, the first {first!r}: {refused[first]}")
        if missing:
            parts.append(f"{len(missing)} without an answer in time, the first {missing[0]!r} (is a scorer running?)")
        super().__init__(f"{len(answers)} questions answered, " + "; ".join(parts))


@dataclass(frozen=True)
class Refusal:
    """A question that the scorer cannot answer."""

    question_id: str
    reason: str


@dataclass(frozen=True)
class Event:
    """A record of a run's progress: topic is ``progress``, ``factor-updates`` or ``posteriors``."""

    topic: str
    run: str
    checkpoint: str | None
    timestamp: int
    record: Mapping[str, Any] = field(repr=False)
    """All fields of the contract, by their names there."""

    @property
    def phase(self) -> str | None:
        """FINE_TUNING, CURVATURE or DONE; of ``progress`` only."""
        return self.record.get("phase")

    @property
    def loss(self) -> float | None:
        """Mean training loss of the step; of ``progress`` only."""
        return self.record.get("loss")

    @property
    def state(self) -> str | None:
        """LIVE, COMPLETE or PARTIAL; of ``posteriors`` only."""
        return self.record.get("state")

    @property
    def precision(self) -> float | None:
        """lambda, the mean over the blocks where they have their own; of ``posteriors`` only."""
        blocks = self.record.get("blocks") if self.topic == "posteriors" else None
        return sum(one["lambda"] for one in blocks) / len(blocks) if blocks else None

    @property
    def captured_energy(self) -> float | None:
        """Share of the large sides that the factors keep."""
        return self.record.get("capturedEnergy")


class Client:
    """Asks and labels. Opens connections for as long as a call takes; may be used by several threads.

    ``bootstrap_servers`` may be a ``Connection``; then the other arguments are not given.
    """

    def __init__(
        self,
        bootstrap_servers: str | Connection,
        schema_registry: str | None = None,
        *,
        topic_prefix: str = "calibrant.",
        config: Mapping[str, Any] | None = None,
        registry_config: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(bootstrap_servers, Connection):
            self.connection = bootstrap_servers
        elif schema_registry is None:
            raise ValueError("schema_registry must be the registry's URL, got None")
        else:
            self.connection = Connection(
                bootstrap_servers, schema_registry, topic_prefix, config or {}, registry_config or {}
            )

    @overload
    def ask(
        self,
        questions: Given,
        *,
        run: str | None = ...,
        fit: str | None = ...,
        tier: str | None = ...,
        timeout: float = ...,
    ) -> list[Answer]: ...

    @overload
    def ask(
        self,
        questions: Any,
        *,
        run: str | None = ...,
        fit: str | None = ...,
        tier: str | None = ...,
        timeout: float = ...,
    ) -> Any: ...

    def ask(
        self,
        questions: Any,
        *,
        run: str | None = None,
        fit: str | None = None,
        tier: str | None = None,
        timeout: float = 60.0,
    ) -> Any:
        """Asks, and returns the answers in the order of the questions.

        ``questions``: a file of JSON lines, an iterable of questions or mappings, or a pandas DataFrame with the
        columns id, question, choices, context, prompt; then a DataFrame comes back, with the index of the questions.
        ``timeout`` is the longest time without any answer, seconds. Raises ``UnansweredError`` unless all are answered.
        """
        asked = read(questions)
        replies = list(self.ask_each(asked, run=run, fit=fit, tier=tier, timeout=timeout))
        return _in_order(questions, asked, replies)

    @overload
    async def ask_async(
        self,
        questions: Given,
        *,
        run: str | None = ...,
        fit: str | None = ...,
        tier: str | None = ...,
        timeout: float = ...,
    ) -> list[Answer]: ...

    @overload
    async def ask_async(
        self,
        questions: Any,
        *,
        run: str | None = ...,
        fit: str | None = ...,
        tier: str | None = ...,
        timeout: float = ...,
    ) -> Any: ...

    async def ask_async(
        self,
        questions: Any,
        *,
        run: str | None = None,
        fit: str | None = None,
        tier: str | None = None,
        timeout: float = 60.0,
    ) -> Any:
        """``ask`` for a program that does other things meanwhile."""
        asked = read(questions)
        each = self.ask_each_async(asked, run=run, fit=fit, tier=tier, timeout=timeout)
        return _in_order(questions, asked, [reply async for reply in each])

    def ask_each(
        self,
        questions: Any,
        *,
        run: str | None = None,
        fit: str | None = None,
        tier: str | None = None,
        timeout: float = 60.0,
    ) -> Iterator[Answer | Refusal]:
        """Asks, and gives answers and refusals as they come. Ends when all are there, or none came in time."""
        return self._ask_each(read(questions), run, fit, tier, timeout, threading.Event())

    def _ask_each(
        self,
        questions: list[Question],
        run: str | None,
        fit: str | None,
        tier: str | None,
        timeout: float,
        stop: threading.Event,
    ) -> Generator[Answer | Refusal, None, None]:
        _check_names(run, fit)
        waiting = {one.id: one for one in questions}
        if not waiting:
            return
        reader = Reader(self.connection)
        try:
            reader.start(["answers", wire.SCORER_DEAD_LETTERS], from_beginning=False)
            wire.send(
                self.connection,
                (
                    ("questions", question_key(run, one.id), one.record("ANSWER", run, fit, tier))
                    for one in waiting.values()
                ),
            )
            until = time.monotonic() + timeout
            while waiting and time.monotonic() < until and not stop.is_set():
                message = reader.poll(_POLL)
                reply = None if message is None else self._reply(reader, message, waiting, run, fit)
                if reply is not None:
                    del waiting[reply.question_id]
                    yield reply
                    until = time.monotonic() + timeout  # not before: what the program does with it takes its time
        finally:
            reader.close()

    def _reply(
        self, reader: Reader, message: Any, waiting: Mapping[str, Question], run: str | None, fit: str | None
    ) -> Answer | Refusal | None:
        if message.topic() == self.connection.topic(wire.SCORER_DEAD_LETTERS):
            name = wire.key(message).removeprefix(question_key(run, ""))
            refused = name in waiting and _is_of(reader, message, waiting[name])
            return Refusal(name, wire.reason(message)) if refused else None
        record = reader.value(message)
        asked = None if record is None else waiting.get(record["questionId"])
        if record is None or asked is None:
            return None
        if record.get("purpose", "ANSWER") != "ANSWER" or (run is not None and record["runId"] != run):
            return None
        if fit not in (None, "latest-complete", record["fit"]):
            return None
        # Another program may ask something else under the same id.
        own = asked.choices and record.get("textDigest") is not None
        return None if own and record["textDigest"] != asked.digest() else Answer.of(record)

    async def ask_each_async(
        self,
        questions: Any,
        *,
        run: str | None = None,
        fit: str | None = None,
        tier: str | None = None,
        timeout: float = 60.0,
    ) -> AsyncIterator[Answer | Refusal]:
        """``ask_each`` for a program that does other things meanwhile; it may be cancelled."""
        stop = threading.Event()
        async for reply in _in_thread(self._ask_each(read(questions), run, fit, tier, timeout, stop), stop):
            yield reply

    def label(self, labels: Any, *, run: str | None = None) -> int:
        """Sends true labels; returns how many.

        ``labels``: a mapping or a pandas Series from question id to label, or questions with their answers (a file, an
        iterable, a DataFrame). Of questions the text goes along, so that it is joined with answers to the same text
        only.
        """
        _check_names(run, None)
        if hasattr(labels, "items") and not hasattr(labels, "columns") and "id" not in labels:
            records = [plain_label(name, label, run) for name, label in labels.items()]
        else:
            records = [("labels", one.id, one.label_record(run)) for one in read(labels)]
        return wire.send(self.connection, records)

    def validate(self, questions: Any, *, run: str) -> int:
        """Sends labelled questions that calibrate a run, with their labels; returns how many questions.

        Those that the run was trained on, by their text, are left out. Raises ``ValueError`` where all are, or where an
        id stands for another text on topic ``questions``.
        """
        _check_names(run, None)
        trained, digests = self._known(run)
        given = read(questions)
        asked = [one for one in given if one.content() not in trained]
        if given and not asked:
            raise ValueError(f"questions must be other ones than run {run!r} was trained on, got those alone")
        if len(asked) < len(given):
            _LOG.warning("%d of %d questions are training questions: left out", len(given) - len(asked), len(given))
        for one in asked:
            if digests.get(one.id, one.digest()) != one.digest():
                raise ValueError(f"ids must stand for one text within run {run!r}, got {one.id!r} for another one")
        wire.send(self.connection, validation_records(run, asked))
        return len(asked)

    def _known(self, run: str) -> tuple[set[bytes], dict[str, str]]:
        """What a run was trained on, and the digests of what it was asked, by id."""
        trained: set[bytes] = set()
        digests: dict[str, str] = {}
        asked = question_key(run, "")
        found = wire.stored(self.connection, ["runs", "questions"], lambda name: name == run or name.startswith(asked))
        for topic, message, record in found:
            name = wire.key(message)
            if record is None:
                continue
            if topic == "runs":
                trained = trained_texts(record.get("trainingTexts"))
            elif name != run:  # a question to all runs may have that id
                digests[name.removeprefix(asked)] = Question.digest_of(record)
        return trained, digests

    def watch(
        self,
        run: str | None = None,
        *,
        topics: Iterable[str] = ("progress", "posteriors"),
        from_beginning: bool = True,
        timeout: float | None = None,
    ) -> Iterator[Event]:
        """Gives what becomes of a run, or of all, as it comes. ``topics`` may have ``factor-updates``, too.

        Ends after ``timeout`` seconds without a record; without one it never does.
        """
        return self._watch(run, topics, from_beginning, timeout, threading.Event())

    def _watch(
        self,
        run: str | None,
        topics: Iterable[str],
        from_beginning: bool,
        timeout: float | None,
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        reader = Reader(self.connection)
        try:
            reader.start([topics] if isinstance(topics, str) else topics, from_beginning)
            until = None if timeout is None else time.monotonic() + timeout
            while (until is None or time.monotonic() < until) and not stop.is_set():
                message = reader.poll(_POLL)
                record = None if message is None else reader.value(message)
                if message is None or record is None or run not in (None, record["runId"]):
                    continue
                yield Event(
                    topic=message.topic()[len(self.connection.topic_prefix) :],
                    run=record["runId"],
                    checkpoint=record.get("checkpoint"),
                    timestamp=message.timestamp()[1],
                    record=record,
                )
                until = None if timeout is None else time.monotonic() + timeout
        finally:
            reader.close()

    async def watch_async(
        self,
        run: str | None = None,
        *,
        topics: Iterable[str] = ("progress", "posteriors"),
        from_beginning: bool = True,
        timeout: float | None = None,
    ) -> AsyncIterator[Event]:
        """``watch`` for a program that does other things meanwhile; it may be cancelled."""
        stop = threading.Event()
        async for event in _in_thread(self._watch(run, topics, from_beginning, timeout, stop), stop):
            yield event


def _is_of(reader: Reader, message: Any, asked: Question) -> bool:
    """Whether a dead letter is this question: another program may have asked something else under the same id."""
    try:
        record = reader.value(message)
        return record is None or Question.digest_of(record) == asked.digest()
    except Exception:  # what cannot be read is why it is a dead letter
        return True


async def _in_thread(items: Generator[_T, None, None], stop: threading.Event) -> AsyncIterator[_T]:
    """What a generator gives, each in a thread; ``stop`` ends the generator where the program no longer waits."""
    done = object()
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, items, done))
            try:
                item = await asyncio.shield(step)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait([step])
                raise
            if item is done:
                return
            yield item  # type: ignore[misc]
    finally:
        items.close()


def _check_names(run: str | None, fit: str | None) -> None:
    for what, name in (("run", run), ("fit", fit)):
        if name is not None:
            check_name(what, name)


def _in_order(questions: Any, asked: list[Question], replies: Iterable[Answer | Refusal]) -> Any:
    """Answers in the order of the questions, in the form that these have; raises ``UnansweredError``."""
    answers: dict[str, Answer] = {}
    refused: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, Answer):
            answers[reply.question_id] = reply
        else:
            refused[reply.question_id] = reply.reason
    missing = [one.id for one in asked if one.id not in answers and one.id not in refused]
    ordered = [answers[one.id] for one in asked if one.id in answers]
    if refused or missing:
        raise UnansweredError(ordered, refused, missing)
    return to_frame(ordered, questions.index) if hasattr(questions, "columns") else ordered


def to_frame(answers: Iterable[Answer], index: Any = None) -> Any:
    """Answers as a pandas DataFrame: one row an answer, probabilities as a list and the most probable label apart."""
    import pandas

    rows = [
        {
            "id": one.question_id,
            "label": one.label,
            "confidence": one.confidence,
            "accept": one.accept,
            "decision": one.decision,
            "labels": list(one.labels),
            "probabilities": list(one.probabilities),
            "map_probabilities": list(one.map_probabilities),
            "familiarity": one.familiarity,
            "familiarity_p": one.familiarity_p,
            "mutual_information": one.mutual_information,
            "calibration": one.calibration,
        }
        for one in answers
    ]
    return pandas.DataFrame(rows, index=index)
