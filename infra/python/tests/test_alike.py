"""A classifier and a DoRA through the callback and through the Java trainer: the same records on the topics."""

import json

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from peft import PeftModel  # noqa: E402
from test_callback import topics, train  # noqa: E402

from calibrant import checking  # noqa: E402
from calibrant.questions import read  # noqa: E402
from calibrant.records import array  # noqa: E402
from calibrant.transformers import CalibrantCallback, collate  # noqa: E402

torch.set_num_threads(1)
NAMES = ("runId", "modelId", "settings", "maxLength")


def stay(golden, directory, callback, model, **options):
    """A step with a learning rate of 0, so that the adapter stays as it is."""
    train(golden, directory, callback, steps=1, model=model, learning_rate=0.0, **options)
    assert callback.counts["dropped"] == 0 and callback.counts["unusable"] == 0, callback.counts


def zoo_of(golden):
    zoo = golden.parent / "zoo"
    if not zoo.exists():
        pytest.skip(f"needs {zoo}")
    return zoo


def java(launcher, run, model, adapter, questions, *options):
    launcher.run(
        *("train", "--run", run, "--model", model, "--adapter", adapter, "--steps", 0, "--questions", questions),
        *("--rank", "full", "--validation-fraction", 0, *options),
    )


def assert_alike(connection, ours, theirs):
    """The runs' records, adapters to the bit, statistics to rounding."""
    found = {run: topics(connection, run, "runs", "adapters", "statistics") for run in (ours, theirs)}
    described = [{k: v for k, v in found[run]["runs"][-1][1].items() if k not in NAMES} for run in (ours, theirs)]
    assert described[0] == described[1]
    weights = [{one["block"]: one for _, one in found[run]["adapters"]} for run in (ours, theirs)]
    assert set(weights[0]) == set(weights[1])
    for block, one in weights[0].items():
        assert one["weight"] == weights[1][block]["weight"], block
        assert one["magnitude"] == weights[1][block]["magnitude"], block
    passes = [
        {(one["batch"], one["block"]): one for _, one in found[run]["statistics"] if one["checkpoint"] != "live"}
        for run in (ours, theirs)
    ]
    assert set(passes[0]) == set(passes[1])
    for place, one in passes[0].items():
        other = passes[1][place]
        for exact in ("n", "examples", "batchesExpected", "stride", "source"):
            assert one[exact] == other[exact], place
        assert one["trace"] == pytest.approx(other["trace"], rel=1e-4), place
        assert one["squaredNorm"] == pytest.approx(other["squaredNorm"], rel=1e-6), place
        assert one["logLikelihood"] == pytest.approx(other["logLikelihood"], rel=1e-5), place
        smalls = [(one["small"], other["small"])]
        smalls += [(a["small"], b["small"]) for a, b in zip(one["shared"], other["shared"], strict=True)]
        for a, b in smalls:
            assert near(array(a), array(b)), place
        a, b = array(one["rows"]), array(other["rows"])
        assert near(a.T @ a, b.T @ b), place


def near(a, b):
    return numpy.linalg.norm(a - b) <= 1e-4 * numpy.linalg.norm(b)


def test_dora(golden, launcher, connection, tmp_path):
    zoo = zoo_of(golden)
    place = zoo / "adapters"
    java(launcher, "dora-java", place / "base", place / "dora", zoo / "questions.jsonl")
    base = transformers.AutoModelForCausalLM.from_pretrained(place / "base", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, place / "dora", is_trainable=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "base")
    callback = CalibrantCallback(connection, "dora-python", zoo / "questions.jsonl", rank=None)
    stay(golden, tmp_path, callback, model, tokenizer=tokenizer)
    assert_alike(connection, "dora-python", "dora-java")
    found = checking.check(connection, "dora-java", place / "base", zoo / "questions.jsonl")
    assert max(one.largest for one in found) < 1e-4


def test_labels_that_are_drawn(golden, launcher, connection, tmp_path):
    """MC: both draw the same labels."""
    questions = tmp_path / "questions.jsonl"
    lines = (golden / "data_mcq" / "train.jsonl").read_text().splitlines()[:24]
    questions.write_text("\n".join(lines) + "\n")
    java(launcher, "drawn-java", golden / "model", golden / "adapter_mcq", questions, "--fisher", "MC", "--seed", 7)
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, golden / "adapter_mcq", is_trainable=True)
    callback = CalibrantCallback(connection, "drawn-python", questions, rank=None, fisher="MC", seed=7)
    stay(golden, tmp_path, callback, model)
    assert_alike(connection, "drawn-python", "drawn-java")
    found = checking.check(connection, "drawn-java", golden / "model", questions)
    assert max(one.largest for one in found) < 1e-4


def test_a_sequence_classifier(golden, launcher, connection, tmp_path):
    place = zoo_of(golden) / "seqcls"
    questions = tmp_path / "questions.jsonl"
    lines = [json.loads(line) for line in (place / "train.jsonl").read_text().splitlines()]
    questions.write_text(
        "".join(json.dumps({"id": one["id"], "question": one["text"], "answer": one["label"]}) + "\n" for one in lines)
    )
    java(launcher, "classes-java", place / "model", place / "adapter", questions)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(place / "model", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, place / "adapter", is_trainable=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "model")
    rows = {label: row for row, label in base.config.id2label.items()}
    data = []
    for one in read(questions):
        ids = tokenizer(one.question).input_ids
        data.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [rows[one.answer]]})

    def collator(some):
        batch = collate([{**one, "labels": one["labels"] * len(one["input_ids"])} for one in some], pad=2)
        return {**batch, "labels": batch["labels"][:, 0]}

    callback = CalibrantCallback(connection, "classes-python", questions, rank=None)
    stay(golden, tmp_path, callback, model, data=data, collator=collator, tokenizer=tokenizer)
    assert_alike(connection, "classes-python", "classes-java")
    found = checking.check(connection, "classes-java", place / "model", questions)
    assert max(one.largest for one in found) < 1e-4
