"""The whole way beside the Java trainer: the same adapter and questions, one fitter, a scorer for each run."""

import time

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from conftest import stop  # noqa: E402
from peft import PeftModel  # noqa: E402
from test_callback import topics, train  # noqa: E402

from calibrant import Client  # noqa: E402
from calibrant.connection import Reader  # noqa: E402
from calibrant.questions import read  # noqa: E402
from calibrant.records import array  # noqa: E402
from calibrant.transformers import CalibrantCallback  # noqa: E402

torch.set_num_threads(1)
JAVA, PYTHON = "golden-java", "golden-python"


def pass_of(golden, connection, directory):
    """The golden adapter through the callback: a step with a learning rate of 0 leaves it as it is."""
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, golden / "adapter_mcq", is_trainable=True)
    callback = CalibrantCallback(
        connection, PYTHON, golden / "data_mcq" / "train.jsonl", rank=None, every=0, on_error="wait"
    )
    train(golden, directory, callback, steps=1, model=model, learning_rate=0.0)
    assert callback.counts["dropped"] == 0, callback.counts


def posteriors(connection, ready, patience=240):
    """The newest posterior of both runs once they are as they will stay."""
    newest = {}
    reader = Reader(connection)
    reader.start(["posteriors"], from_beginning=True)
    until = time.monotonic() + patience
    while time.monotonic() < until and not (set(newest) >= {JAVA, PYTHON} and all(map(ready, newest.values()))):
        message = reader.poll(0.5)
        if message is not None and (record := reader.value(message)) is not None:
            if record["runId"] in (JAVA, PYTHON) and record["checkpoint"] != "live":
                newest[record["runId"]] = record
    reader.close()
    assert set(newest) >= {JAVA, PYTHON} and all(map(ready, newest.values())), newest
    return newest[JAVA], newest[PYTHON]


@pytest.fixture(scope="module")
def loop(launcher, golden, connection, tmp_path_factory):
    directory = tmp_path_factory.mktemp("loop")
    model = golden / "model"
    processes = [launcher.start("fit", "--state-dir", directory / "state")]
    try:
        launcher.run(
            *("train", "--run", JAVA, "--model", model, "--adapter", golden / "adapter_mcq", "--steps", 0),
            *("--questions", golden / "data_mcq" / "train.jsonl", "--rank", "full", "--validation-fraction", 0),
        )
        pass_of(golden, connection, directory)
        posteriors(connection, lambda record: record["state"] == "COMPLETE")
        processes += [launcher.start("score", "--run", run, "--model", model) for run in (JAVA, PYTHON)]
        yield posteriors(connection, lambda record: record["logitVarianceQuestions"] == 64)
    finally:
        for process in processes:
            stop(process)


def test_the_run_is_described_alike(loop, connection):
    java, python = (topics(connection, run, "runs")["runs"][-1][1] for run in (JAVA, PYTHON))
    theirs = ("runId", "modelId", "settings", "maxLength")
    assert {k: v for k, v in python.items() if k not in theirs} == {k: v for k, v in java.items() if k not in theirs}


def test_factors_and_precision_are_those_of_the_java_trainer(loop, connection):
    java, python = loop
    assert python["blocks"][0]["lambda"] == pytest.approx(java["blocks"][0]["lambda"], rel=1e-5)
    assert python["blocks"][0]["lambda"] == pytest.approx(7.386876, rel=1e-4)  # mcq_endtoend
    assert python["logEvidence"] == pytest.approx(java["logEvidence"], rel=1e-5)
    assert python["labelFreeScale"] == pytest.approx(java["labelFreeScale"], rel=1e-9)
    factors = {}
    for run in (JAVA, PYTHON):
        for key, record in topics(connection, run, "factors")["factors"]:
            factors[run, record["block"]] = record
    blocks = {block for run, block in factors if run == JAVA}
    assert blocks == {block for run, block in factors if run == PYTHON} and len(blocks) == 17
    largest = 0.0
    for block in blocks:
        ours, theirs = factors[PYTHON, block], factors[JAVA, block]
        assert ours["n"] == theirs["n"] and ours["batches"] == theirs["batches"]
        for side in ("large", "small"):
            a, b = array(ours[side]), array(theirs[side])
            if side == "large" and ours["form"] == "COLUMNS":
                a, b = a.T @ a, b.T @ b
            largest = max(largest, numpy.linalg.norm(a - b) / numpy.linalg.norm(b))
    print(f"largest difference of a factor {largest:.1e}")
    assert largest < 1e-4


def test_probabilities_are_those_of_the_java_trainer(loop, connection, golden):
    questions = read(golden / "data_mcq" / "test.jsonl")[:20]
    client = Client(connection)
    java = client.ask(questions, run=JAVA, timeout=60)
    python = client.ask(questions, run=PYTHON, timeout=60)
    largest = 0.0
    for one, other in zip(python, java, strict=True):
        assert one.calibration == "LABEL_FREE" and one.familiarity is not None
        assert one.familiarity == pytest.approx(other.familiarity, abs=1e-4)
        largest = max(largest, *(abs(a - b) for a, b in zip(one.probabilities, other.probabilities, strict=True)))
    print(f"largest difference of a probability {largest:.1e}")
    assert largest < 1e-5
