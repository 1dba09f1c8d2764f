"""The client against the real broker and registry; a scorer is played by the test."""

import asyncio
import threading
import time
import types

import pytest

from calibrant import Answer, Client, Connection, ConnectionProblem, Question, UnansweredError
from calibrant.connection import Reader, Writer, key, send
from calibrant.questions import training_texts

CHOICES = [{"label": "A", "text": "red"}, {"label": "B", "text": "green"}]


def questions(name, count):
    return [Question.of({"id": f"{name}-{i}", "question": f"Which {i}?", "choices": CHOICES}) for i in range(count)]


def answer(one, run, p=0.75, **fields):
    return {
        "questionId": one.id,
        "runId": run,
        "checkpoint": "step-1",
        "fit": "live",
        "posteriorVersion": 3,
        "labels": one.labels,
        "probabilities": [p, 1 - p],
        "mapProbabilities": [0.9, 0.1],
        "contrastMean": [1.0],
        "contrastCovariance": [[2.0]],
        "entropy": 0.5,
        "expectedEntropy": 0.4,
        "mutualInformation": 0.1,
        "novelty": 0.2,
        "calibration": "AVERAGED",
        "familiarity": 0.3,
        "familiarityP": 0.6,
        "decision": "ACCEPT",
        "textDigest": one.digest(),
        **fields,
    }


@pytest.fixture()
def scorer(connection):
    """Answers what it is told to, once the questions are there."""
    threads = []

    def play(asked, replies):
        ready = threading.Event()

        def work():
            reader = Reader(connection)
            reader.start(["questions"], from_beginning=False)
            ready.set()
            waiting = {one.id for one in asked}
            while waiting:
                message = reader.poll(0.2)
                if message is not None:
                    waiting.discard(key(message).split("/")[-1])
            reader.close()
            send(connection, [("answers", one["questionId"], one) for one in replies])

        thread = threading.Thread(target=work)
        thread.start()
        threads.append(thread)
        assert ready.wait(30)

    yield play
    for thread in threads:
        thread.join(30)


def test_ask_gives_answers_in_the_order_of_the_questions(connection, scorer, name):
    asked = questions(name, 3)
    other = answer(asked[0], name, p=0.1, textDigest="0123456789abcdef")
    scorer(asked, [other, *(answer(one, name) for one in reversed(asked))])
    answers = Client(connection).ask(asked, run=name, timeout=30)
    assert [one.question_id for one in answers] == [one.id for one in asked]
    first = answers[0]
    assert isinstance(first, Answer)
    assert first.probabilities == (0.75, 0.25) and first.label == "A" and first.probability("B") == 0.25
    assert first.accept is True and first.familiarity_p == 0.6 and first.record["posteriorVersion"] == 3


def test_ask_async_and_frames(connection, scorer, name):
    pandas = pytest.importorskip("pandas")
    asked = questions(name, 2)
    scorer(asked, [answer(one, name) for one in asked])
    frame = pandas.DataFrame(
        [{"id": one.id, "question": one.question, "choices": CHOICES} for one in asked], index=["x", "y"]
    )
    client = Client(connection)
    answers = asyncio.run(client.ask_async(frame, run=name, timeout=30))
    assert list(answers.index) == ["x", "y"] and list(answers["confidence"]) == [0.75, 0.75]


def test_ask_each_gives_them_as_they_come(connection, scorer, name):
    asked = questions(name, 2)
    scorer(asked, [answer(asked[1], name)])

    async def first():
        async for reply in Client(connection).ask_each_async(asked, run=name, timeout=30):
            return reply

    assert asyncio.run(first()).question_id == asked[1].id


def test_time_that_the_program_takes_is_its_own(connection, scorer, name, monkeypatch):
    """Two answers are there; what is done with the first takes longer than the timeout."""
    ahead = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr("calibrant.client.time", clock)
    asked = questions(name, 2)
    scorer(asked, [answer(one, name) for one in asked])
    seen = []
    for reply in Client(connection).ask_each(asked, run=name, timeout=30):
        seen.append(reply.question_id)
        ahead[0] += 1000
    assert len(seen) == 2
    said = {"runId": name, "phase": "FINE_TUNING"}
    send(connection, [("progress", name, {**said, "step": step}) for step in (1, 2)])
    steps = []
    for event in Client(connection).watch(name, timeout=3):
        steps.append(event.record["step"])
        ahead[0] += 1000
    assert steps == [1, 2]


def test_a_registry_that_is_away_is_one_line(connection, name):
    away = Connection(connection.bootstrap_servers, "http://a:b@127.0.0.1:1", registry_config={"max.retries": 0})
    for call in (lambda client: client.ask(questions(name, 1), run=name), lambda client: client.label({"x": "A"})):
        with pytest.raises(ConnectionProblem, match="^schema registry http://127.0.0.1:1: [^\n]*$"):
            call(Client(away))


def test_a_refusal_is_of_the_text_that_was_asked(connection, name, monkeypatch):
    """The scorer is played: what is sent becomes dead letters, first another program's of the same id."""
    asked = questions(name, 1)
    other = Question.of({"id": asked[0].id, "question": "Another?", "choices": CHOICES})

    def dead(connection, records, *given):
        list(records)
        writer, producer = Writer(connection), connection.producer()
        for one, why in ((other, "another's"), (asked[0], "its own")):
            value = writer("questions", one.record(run=name))
            headers = [("__streams.errors.message", why.encode())]
            topic = connection.topic("calibrant-scorer.dlq")
            producer.produce(topic, key=f"{name}/{one.id}".encode(), value=value, headers=headers)
        producer.flush(30)

    monkeypatch.setattr("calibrant.connection.send", dead)
    with pytest.raises(UnansweredError) as caught:
        Client(connection).ask(asked, run=name, timeout=30)
    assert caught.value.refused == {asked[0].id: "its own"}


def test_what_is_not_answered_is_said(connection, scorer, name):
    asked = questions(name, 2)
    scorer(asked, [answer(asked[0], name)])
    with pytest.raises(UnansweredError) as caught:
        Client(connection).ask(asked, run=name, timeout=2)
    assert caught.value.missing == [asked[1].id] and len(caught.value.answers) == 1


def test_labels_and_validation(connection, name):
    client = Client(connection)
    labelled = [Question.of({**vars(one), "choices": CHOICES, "answer": "B"}) for one in questions(name, 2)]
    assert client.label({"plain": "A"}, run=name) == 1
    assert client.label(vars(labelled[0]), run=name) == 1
    pandas = pytest.importorskip("pandas")
    assert client.label(pandas.Series({"first": "A", "second": "B"}), run=name) == 2
    # A column of whole numbers with gaps is one of floats.
    assert client.label(pandas.Series(["A", "B"], index=pandas.Index([41.0, 42.0]).astype("float64")), run=name) == 2
    with pytest.raises(ValueError, match="id of a label must be a text that is not blank, got nan"):
        client.label({float("nan"): "A"}, run=name)
    with pytest.raises(ValueError, match="label of question 'x' must be one of its labels, got none"):
        client.label(pandas.Series({"x": None}), run=name)
    assert client.validate(labelled, run=name) == 2
    with pytest.raises(ValueError, match="answer of question"):
        client.label(questions(name, 1))
    reader = Reader(connection)
    reader.start(["questions", "labels"], from_beginning=True)
    found = {}
    for message in reader.to_end():
        found[message.topic().split(".")[-1], key(message)] = reader.value(message)
    reader.close()
    assert found["labels", "plain"] == {"label": "A", "run": name, "textDigest": None}
    assert found["labels", "41"]["run"] == name and ("labels", "41.0") not in found
    assert found["labels", labelled[0].id]["textDigest"] == labelled[0].digest()
    question = found["questions", f"{name}/{labelled[0].id}"]
    assert question["purpose"] == "VALIDATION" and question["questionId"] == labelled[0].id


def test_validation_is_with_questions_that_the_run_has_not_seen(connection, name):
    labelled = [Question.of({**vars(one), "choices": CHOICES, "answer": "B"}) for one in questions(name, 3)]
    run = {"runId": name, "trainingTexts": training_texts(labelled[:1])}
    send(connection, [("runs", name, run)])
    client = Client(connection)
    assert client.validate(labelled, run=name) == 2
    with pytest.raises(ValueError, match="other ones than run"):
        client.validate(labelled[:1], run=name)
    other = Question.of({**vars(labelled[2]), "question": "Another?", "choices": CHOICES})
    with pytest.raises(ValueError, match="must stand for one text"):
        client.validate([other], run=name)
    with pytest.raises(ValueError, match="run must be 1 to 100"):
        client.ask(labelled, run="a/b")


def test_what_is_awaited_may_be_cancelled(connection, name):
    async def consume():
        async for _ in Client(connection).watch_async(name):
            pass

    async def limited():
        await asyncio.wait_for(consume(), 3)

    began = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(limited())
    assert time.monotonic() - began < 30


def test_watch_gives_a_run(connection, name):
    said = {"runId": name, "phase": "FINE_TUNING", "step": 5, "steps": 10, "loss": 0.5, "source": "0/1"}
    send(connection, [("progress", name, said), ("progress", "other", {**said, "runId": "other"})])
    (event,) = Client(connection).watch(name, topics="progress", timeout=3)
    assert event.topic == "progress" and event.phase == "FINE_TUNING" and event.loss == 0.5
    assert event.record["step"] == 5


def murmur2(data):
    """Kafka's own hash of a key."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    for i in range(0, len(data) - 3, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    rest = data[len(data) & ~3 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_records_of_a_key_are_where_java_puts_them(connection, name):
    asked = questions(name, 20)
    send(connection, [("questions", one.id, one.record()) for one in asked])
    reader = Reader(connection)
    reader.start(["questions"], from_beginning=True)
    places = {key(message): message.partition() for message in reader.to_end()}
    reader.close()
    for one in asked:
        assert places[one.id] == (murmur2(one.id.encode()) & 0x7FFFFFFF) % 4


def test_a_broker_that_is_away_is_one_line(impatient):
    with pytest.raises(ConnectionProblem, match="broker 127.0.0.1:1"):
        list(Client("127.0.0.1:1", "http://127.0.0.1:1").watch(timeout=1))


def test_settings_that_promises_rest_on_are_refused():
    with pytest.raises(ValueError, match="partitioner must be left out"):
        Connection("b:9092", "http://r", config={"partitioner": "random"})
