"""Where Kafka and the schema registry are, and how records go over the wire."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from calibrant import schemas

MAX_RECORD_BYTES = 64 << 20
"""A record may be this large on the topics of adapters and statistics, bytes."""

RECORDS = {
    "runs": "Run",
    "adapters": "AdapterBlock",
    "progress": "Progress",
    "statistics": "Statistics",
    "factor-updates": "FactorUpdate",
    "factors": "Factor",
    "posteriors": "Posterior",
    "fits": "Fit",
    "questions": "Question",
    "answers": "Answer",
    "labels": "Label",
    "calibration": "CalibrationMetrics",
}
"""What the values of a topic are, by its name without prefix."""

SCORER_DEAD_LETTERS = "calibrant-scorer.dlq"

_REASON = "__streams.errors.message"
_PATIENCE = 10.0
# Whose exceptions are about asking it; its HTTP client has two names.
_OF_THE_REGISTRY = ("confluent_kafka.schema_registry", "httpx", "httpcore", "authlib")
_USER_INFO = re.compile(r"//[^/@]*@")
_KAFKA_LOG = logging.getLogger("calibrant.kafka")
_KAFKA_LOG.addHandler(logging.NullHandler())  # what matters is said once, by those who use it


class ConnectionProblem(Exception):
    """Kafka or the schema registry cannot be reached, or refuses. The message is one line."""


@dataclass(frozen=True)
class Connection:
    """Where Kafka and the registry are.

    ``config`` has settings of librdkafka (``security.protocol``, ``sasl.mechanism``, ...), ``registry_config`` those of
    Confluent's ``SchemaRegistryClient`` (``basic.auth.user.info``, ...). Neither is printed.
    """

    bootstrap_servers: str
    schema_registry: str
    topic_prefix: str = "calibrant."
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    registry_config: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for key in ("partitioner", "isolation.level", "group.id", "transactional.id", "acks", "enable.idempotence"):
            if key in self.config:
                raise ValueError(f"config: {key} must be left out, got {self.config[key]!r}")

    def topic(self, name: str) -> str:
        """A topic's full name."""
        return self.topic_prefix + name

    def producer(self, **settings: Any) -> Producer:
        """A producer whose partitions are those of Kafka's Java clients: records of one key meet in one partition."""
        return Producer(
            {
                **self.config,
                "bootstrap.servers": self.bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.max.bytes": MAX_RECORD_BYTES + (1 << 16),
                "queue.buffering.max.kbytes": 4 * MAX_RECORD_BYTES >> 10,
                "linger.ms": 5,
                **settings,
            },
            logger=_KAFKA_LOG,
        )

    def consumer(self) -> Consumer:
        """A consumer of committed records that belongs to no group and commits nothing."""
        return Consumer(
            {
                **self.config,
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": "calibrant-python",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": MAX_RECORD_BYTES,
                "receive.message.max.bytes": 4 * MAX_RECORD_BYTES,
            },
            logger=_KAFKA_LOG,
        )

    def registry(self) -> SchemaRegistryClient:
        """A client of the registry."""
        return SchemaRegistryClient({"url": self.schema_registry, **self.registry_config})

    @contextlib.contextmanager
    def asking_the_registry(self) -> Iterator[None]:
        """Its refusals, and that it is away, as ``ConnectionProblem``."""
        try:
            yield
        except Exception as problem:
            said = isinstance(problem, (OSError, json.JSONDecodeError))  # or a page for the registry's word
            if not said and not type(problem).__module__.startswith(_OF_THE_REGISTRY):
                raise
            place = _USER_INFO.sub("//", self.schema_registry)
            raise ConnectionProblem(f"schema registry {place}: {words(problem)}") from problem


class Writer:
    """Values of topics to bytes, in the registry's wire format, with Confluent's serializers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._registry = connection.registry()
        self._serializers: dict[str, AvroSerializer] = {}

    def __call__(self, name: str, value: Mapping[str, Any]) -> bytes:
        """The bytes of a value of the topic with this name (without prefix)."""
        topic = self._connection.topic(name)
        if name not in self._serializers:
            self._serializers[name] = self._serializer(topic, RECORDS[name])
        encoded: bytes = self._serializers[name](dict(value), SerializationContext(topic, MessageField.VALUE))
        return encoded

    def _serializer(self, topic: str, record: str) -> AvroSerializer:
        """Writes with the newest schema of the topic, unless that does not know all fields, or there is none."""
        text = schemas.schema(record)
        try:
            latest = json.loads(self._registry.get_latest_version(f"{topic}-value").schema.schema_str)
            known = {one["name"] for one in latest["fields"]}
        except SchemaRegistryError as problem:
            if problem.http_status_code != 404:
                raise
            known = set()
        newest = known.issuperset(schemas.fields(record))
        return AvroSerializer(
            self._registry,
            text,
            conf={
                "auto.register.schemas": not newest,
                "use.latest.version": newest,
                "subject.name.strategy": topic_subject_name_strategy,
            },
        )


class Reader:
    """Reads topics without a group; what it gives is committed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consumer = connection.consumer()
        self._deserializer = AvroDeserializer(
            connection.registry(), conf={"subject.name.strategy": topic_subject_name_strategy}
        )
        self._partitions: set[tuple[str, int]] = set()
        self._ended: set[tuple[str, int]] = set()

    def start(self, names: Iterable[str], from_beginning: bool) -> None:
        """Begins with all partitions of these topics, at their beginning or at their present end."""
        try:
            self._consumer.assign(self._places(names, from_beginning))
        except KafkaException as problem:
            raise ConnectionProblem(f"broker {self._connection.bootstrap_servers}: {words(problem)}") from problem

    def _places(self, names: Iterable[str], from_beginning: bool) -> list[TopicPartition]:
        assigned = []
        for name in names:
            topic = self._connection.topic(name)
            known = self._consumer.list_topics(topic, timeout=_PATIENCE).topics[topic]
            if known.error is not None or not known.partitions:
                raise ConnectionProblem(f"topic {topic} must exist (calibrant topics --apply), got none")
            for partition in known.partitions:
                low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_PATIENCE)
                assigned.append(TopicPartition(topic, partition, low if from_beginning else high))
                self._partitions.add((topic, partition))
        return assigned

    def poll(self, seconds: float) -> Message | None:
        """The next record, or nothing where none came in time. An outage of the broker is waited for."""
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        problem = message.error()
        if problem is None:
            return message
        if problem.code() == KafkaError._PARTITION_EOF:
            self._ended.add((message.topic(), message.partition()))
        elif problem.fatal() or problem.code() in (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.UNKNOWN_TOPIC_OR_PART,
        ):
            raise ConnectionProblem(f"broker {self._connection.bootstrap_servers}: {problem.str()}")
        return None

    def has_ended(self) -> bool:
        """Whether the end of every partition was seen once."""
        return self._ended >= self._partitions

    def to_end(self, patience: float = 60.0) -> Iterator[Message]:
        """All records up to the present end."""
        until = time.monotonic() + patience
        while not self.has_ended():
            message = self.poll(0.5)
            if message is not None:
                until = time.monotonic() + patience
                yield message
            elif time.monotonic() > until:
                raise ConnectionProblem(f"broker {self._connection.bootstrap_servers} gave nothing for {patience} s")

    def value(self, message: Message) -> dict[str, Any] | None:
        """A record's value; nothing for one that deletes its key."""
        if message.value() is None:
            return None
        context = SerializationContext(message.topic(), MessageField.VALUE)
        with self._connection.asking_the_registry():
            decoded: dict[str, Any] = self._deserializer(message.value(), context)
        return decoded

    def close(self) -> None:
        """Ends reading."""
        self._consumer.close()


def stored(
    connection: Connection, names: Iterable[str], wanted: Callable[[str], bool]
) -> Iterator[tuple[str, Message, dict[str, Any] | None]]:
    """Topic without prefix, record and value of all whose key is wanted, up to the present end."""
    reader = Reader(connection)
    try:
        reader.start(names, from_beginning=True)
        for message in reader.to_end():
            if wanted(key(message)):
                yield message.topic()[len(connection.topic_prefix) :], message, reader.value(message)
    finally:
        reader.close()


def key(message: Message) -> str:
    """A record's key as text."""
    raw = message.key()
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or "")


def reason(message: Message) -> str:
    """Why a record is a dead letter."""
    for name, value in message.headers() or []:
        if name == _REASON and isinstance(value, bytes):
            return value.decode("utf-8", "replace")
    return "no reason given"


def send(connection: Connection, records: Iterable[tuple[str, str, Mapping[str, Any]]], patience: float = 60.0) -> int:
    """Sends (topic's name, key, value) and returns when the broker has all of them.

    Raises ``ConnectionProblem`` where it does not take one in time.
    """
    writer = Writer(connection)
    producer = connection.producer(**{"message.timeout.ms": int(1000 * patience)})
    problems: list[str] = []

    def delivered(problem: KafkaError | None, message: Message) -> None:
        if problem is not None:
            problems.append(f"topic {message.topic()}: {problem.str()}")

    count = 0
    for name, record_key, value in records:
        with connection.asking_the_registry():
            encoded = writer(name, value)
        _produce(producer, connection.topic(name), record_key, encoded, delivered)
        count += 1
    left = producer.flush(patience + 5)
    if problems or left:
        raise ConnectionProblem(
            problems[0] if problems else f"broker {connection.bootstrap_servers} did not take {left} records in time"
        )
    return count


def _produce(
    producer: Producer,
    topic: str,
    record_key: str,
    value: bytes | None,
    delivered: Callable[[KafkaError | None, Message], None] | None = None,
) -> None:
    while True:
        try:
            producer.produce(topic, key=record_key.encode(), value=value, on_delivery=delivered)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(0.1)


def words(problem: Exception) -> str:
    """What an exception says, in one line."""
    inner = problem.args[0] if isinstance(problem, KafkaException) and problem.args else problem
    text = inner.str() if isinstance(inner, KafkaError) else str(inner)
    return " ".join(text.split()) or type(problem).__name__
