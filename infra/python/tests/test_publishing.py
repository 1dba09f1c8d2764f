"""The queue in front of Kafka."""

import os
import subprocess
import sys
import threading
import time

import pytest
from test_callback import AWAY, Clock, topics

from calibrant import ConnectionProblem
from calibrant.publishing import Publisher
from calibrant.records import Outgoing, progress


def report(run, step):
    return [progress(run, "FINE_TUNING", "0/1", step=step)]


def test_a_second_process_of_a_source_ends_the_first(connection, name):
    first = Publisher(connection, name, "0/1")
    first.submit(report(name, 1))
    assert first.flush(30)
    second = Publisher(connection, name, "0/1")
    second.submit(report(name, 2))
    assert second.flush(30)
    first.submit(report(name, 3))
    first.flush(30)
    assert "another process has started to publish source 0/1" in str(first.failure)
    assert (first.sent, first.dropped) == (1, 1) and not first.submit(report(name, 4))
    first.close()
    second.close()
    steps = [record["step"] for _, record in topics(connection, name, "progress")["progress"]]
    assert steps == [1, 2]


def test_a_program_that_ends_sends_what_waits(connection, name):
    """Its training was broken off, and nobody closes the publisher."""
    program = f"""
from calibrant import Connection, publishing
from calibrant.publishing import Publisher
from calibrant.records import progress
publishing._PARTING = 60  # a machine that is busy takes its time
publisher = Publisher(Connection({connection.bootstrap_servers!r}, {connection.schema_registry!r}), {name!r}, "0/1")
publisher.submit([progress({name!r}, "FINE_TUNING", "0/1", step=1)])
raise SystemExit(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=120
    )
    assert done.returncode == 3
    assert [record["step"] for _, record in topics(connection, name, "progress")["progress"]] == [1]


def test_what_waits_is_sent_where_the_broker_comes_back(name, monkeypatch):
    outage = [ConnectionProblem("away")] * 2

    def send(self, records):
        if outage:
            raise outage.pop()

    monkeypatch.setattr(Publisher, "_send", send)
    publisher = Publisher(AWAY, name, "0/1")
    publisher.submit(report(name, 1))
    while publisher.problem is None and not publisher.sent:
        time.sleep(0.01)
    publisher.part()
    assert (publisher.sent, publisher.dropped) == (1, 0)


@pytest.mark.parametrize("waits", ["flush", "submit"])
def test_patience_is_with_each_transaction(name, monkeypatch, waits):
    """Each is committed after 600 s; all of them take longer than the 1000 s that are waited without anything."""
    clock = Clock(monkeypatch, "publishing")
    permits = threading.Semaphore(0)

    def send(self, records):
        assert permits.acquire(timeout=30)
        clock.ahead += 600

    monkeypatch.setattr(Publisher, "_send", send)
    publisher = Publisher(AWAY, name, "0/1", buffer_bytes=1000)

    def some(weight):
        return [Outgoing("statistics", name, {"batchesExpected": 3}, weight)]

    for _ in range(4):
        assert publisher.submit(some(200))
    # Who waits looks, and then one more is committed.
    monkeypatch.setattr(publisher, "check", permits.release)
    if waits == "submit":
        assert publisher.submit(some(900), patience=1000)
    assert publisher.flush(1000)
    publisher.close()
    assert publisher.dropped == 0 and clock.ahead >= 2400


def test_what_is_lost_at_the_end_is_said(name, impatient, caplog):
    publisher = Publisher(AWAY, name, "0/1")
    publisher.submit(report(name, 1))
    publisher.part()
    assert publisher.dropped == 1 and f"1 records of run '{name}' are dropped" in caplog.text


def test_what_cannot_be_written_is_dropped_and_the_rest_goes_on(connection, name):
    publisher = Publisher(connection, name, "0/1")
    publisher.submit([Outgoing("progress", name, {"runId": name, "step": "five"})])
    publisher.submit(report(name, 1))
    assert publisher.flush(30)
    assert (publisher.sent, publisher.dropped) == (1, 1)
    publisher.close()


def test_a_full_buffer_waits_or_drops(name, impatient):
    for on_error, waits in (("wait", True), ("drop", False)):
        publisher = Publisher(AWAY, name, "0/1", on_error=on_error, buffer_bytes=1000)
        some = [Outgoing("statistics", name, {"batchesExpected": 3}, 900)]
        assert publisher.submit(some)
        began = time.monotonic()
        assert not publisher.submit(some, patience=1.0 if waits else None)
        assert (time.monotonic() - began >= 1.0) == waits
        publisher.close()
        assert publisher.dropped == 2
