"""Training runs with the callback: what they publish, and that a broker that is away breaks none."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
accelerate = pytest.importorskip("accelerate")

from peft import LoraConfig, get_peft_model  # noqa: E402

from calibrant.adapter import LoraAdapter  # noqa: E402
from calibrant import Connection, ConnectionProblem, Question  # noqa: E402
from calibrant.connection import key, stored  # noqa: E402
from calibrant.curvature import CurvaturePass  # noqa: E402
from calibrant.questions import read  # noqa: E402
from calibrant.records import array  # noqa: E402
from calibrant.transformers import CalibrantCallback, _last_step, collate, examples  # noqa: E402

torch.set_num_threads(1)
AWAY = Connection("127.0.0.1:1", "http://127.0.0.1:1")


def peft_model(golden, **changes):
    torch.manual_seed(1)
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.float32)
    settings = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "k_proj", "v_proj"]}
    return get_peft_model(base, LoraConfig(**{**settings, "task_type": "CAUSAL_LM", **changes}))


def train(
    golden,
    directory,
    callback,
    steps=4,
    model=None,
    callbacks=(),
    collator=collate,
    data=None,
    tokenizer=None,
    scaler=None,
    resume=None,
    **changes,
):
    tokenizer = tokenizer or transformers.AutoTokenizer.from_pretrained(golden / "model")
    settings = {
        "output_dir": str(directory),
        "max_steps": steps,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1e-3,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 3,
    }
    trainer = transformers.Trainer(
        model or peft_model(golden),
        transformers.TrainingArguments(**{**settings, **changes}),
        data_collator=collator,
        train_dataset=data or examples(callback.questions, tokenizer, eos=1),
        processing_class=tokenizer,
        callbacks=[callback, *callbacks],
    )
    if scaler is not None:  # fp16's, which Accelerate itself makes on a GPU alone
        trainer.accelerator.scaler = scaler
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def questions(golden, count=12):
    return read(golden / "data_mcq" / "train.jsonl")[:count]


def topics(connection, run, *names):
    """Records of a run by topic, in the order of their partitions."""
    found = {name: [] for name in names}
    for topic, message, record in stored(connection, names, lambda one: one.split("/")[0] == run):
        found[topic].append((key(message), record))
    return found


def test_a_run_is_published(golden, connection, name, tmp_path):
    validation = read(golden / "data_mcq" / "val.jsonl")[:3]
    callback = CalibrantCallback(connection, name, questions(golden), validation, batch_size=5, half_life=50)
    train(golden, tmp_path, callback, save_strategy="steps", save_steps=2)
    assert callback.counts["dropped"] == 0 and callback.counts["unusable"] == 0 and callback.counts["sent"] > 50
    found = topics(connection, name, "runs", "statistics", "adapters", "progress", "questions")
    run = found["runs"][-1][1]
    assert run["blocks"][0] == {
        "name": "model.layers.0.self_attn.q_proj.lora_A", "outputs": 4, "inputs": 64, "largeSide": "INPUT",
    }  # fmt: skip
    assert run["trainingQuestions"] == 12 and run["loraAlpha"] == 8 and len(run["inputs"]) == 3
    live = [record for _, record in found["statistics"] if record["checkpoint"] == "live"]
    passed = [record for _, record in found["statistics"] if record["checkpoint"] == "step-4"]
    assert {record["batch"] for record in live} == {0, 1, 2, 3}
    assert {(record["batch"], record["batchesExpected"]) for record in passed} == {(0, 3), (1, 3), (2, 3)}
    blocks = {block["name"] for block in (*run["blocks"], *run["inputs"])}
    for batch in range(4):
        own = [record for record in live if record["batch"] == batch]
        named = [record["block"] for record in own] + [one["block"] for record in own for one in record["shared"]]
        assert sorted(named) == sorted(blocks)
        assert all(record["examples"] == 4 and record["source"] == "0/1" for record in own)
        assert all(record["forgetting"] == pytest.approx(2 ** (-1 / 50)) for record in own)
    shared = next(record for record in live if record["block"].endswith("layers.0.self_attn.q_proj.lora_A"))
    assert [one["block"].split(".")[-2] for one in shared["shared"]] == ["k_proj", "v_proj"]
    assert array(shared["rows"]).shape == (20, 64)
    assert {one.split("/")[1] for one, _ in found["adapters"]} == {"step-2", "step-4"}
    first = next(record for _, record in found["adapters"] if record["block"].endswith("lora_B"))
    assert not array(first["initialWeight"]).any() and array(first["weight"]).any()
    assert found["progress"][-1][1]["phase"] == "DONE"
    (report,) = (record for _, record in found["progress"] if record["phase"] == "FINE_TUNING")
    assert (report["step"], report["examples"]) == (4, 16) and report["loss"] > 0
    assert run["settings"]["baseType"] == "float32"
    asked = [record["purpose"] for _, record in found["questions"]]
    assert asked.count("VALIDATION") == 3 and asked.count("NOISE") == 0  # 12 and 3 are fewer than 20

    other = CalibrantCallback(connection, name, questions(golden, 8))
    with pytest.raises(ValueError, match="with other ones: "):
        train(golden, tmp_path, other, steps=1)
    asked = questions(golden)
    again = [Question.of({**vars(one), "answer": one.labels[0]}) for one in asked]
    for changed, some, options in (
        ("questionsDigest", CalibrantCallback(connection, name, again, validation, batch_size=5, half_life=50), {}),
        ("curvatureBatchSize", CalibrantCallback(connection, name, asked, validation, batch_size=4, half_life=50), {}),
        ("trainingSeed", CalibrantCallback(connection, name, asked, validation, batch_size=5, half_life=50), {"seed": 4}),
    ):
        with pytest.raises(ValueError, match=f"{changed} is"):
            train(golden, tmp_path, some, save_strategy="steps", save_steps=2, **options)


def test_a_training_that_failed_leaves_nothing_behind(golden, name, tmp_path, impatient):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4), on_error="drop", patience=1)
    model = peft_model(golden)

    def broken(rows):
        raise RuntimeError("no batch")

    def fails():
        with pytest.raises(RuntimeError, match="no batch"):
            train(golden, tmp_path, callback, steps=1, collator=broken, model=model)
        assert callback._capture._handles and callback._publisher._thread.is_alive()
        return callback._capture, callback._publisher

    capture, publisher = fails()
    later = fails()
    assert not capture._handles and not publisher._thread.is_alive()
    # A notebook's cell that is run again makes a new callback, for the same model.
    again = CalibrantCallback(AWAY, name, questions(golden, 4), on_error="drop", patience=1)
    train(golden, tmp_path, again, steps=1, model=model)
    capture, publisher = later
    assert not capture._handles and not publisher._thread.is_alive()


class Clock:
    """The time, as it is after a long computation."""

    def __init__(self, monkeypatch, *modules):
        self.ahead = 0.0
        own = types.SimpleNamespace(monotonic=lambda: time.monotonic() + self.ahead, time=time.time, sleep=time.sleep)
        for module in modules:
            monkeypatch.setattr(f"calibrant.{module}.time", own)


def test_a_pass_that_takes_longer_than_the_patience_loses_nothing(golden, connection, name, tmp_path, monkeypatch):
    clock = Clock(monkeypatch, "publishing", "transformers")
    measure = CurvaturePass.measure

    def slow(*given):
        clock.ahead += 1000
        return measure(*given)

    monkeypatch.setattr(CurvaturePass, "measure", slow)
    validation = read(golden / "data_mcq" / "val.jsonl")[:3]
    callback = CalibrantCallback(connection, name, questions(golden, 8), validation, batch_size=2, every=0)
    train(golden, tmp_path, callback, steps=1, per_device_train_batch_size=16)
    assert callback.counts["dropped"] == 0
    found = topics(connection, name, "statistics", "progress", "questions")
    assert {record["batch"] for _, record in found["statistics"]} == {0, 1, 2, 3}
    assert found["progress"][-1][1]["phase"] == "DONE" and len(found["questions"]) == 3
    # No step has more examples than there are.
    (report,) = (record for _, record in found["progress"] if record["phase"] == "FINE_TUNING")
    assert report["examples"] == 8


@pytest.mark.parametrize("on_error", ["drop", "raise"])
def test_a_pass_that_fails_ends_no_training(golden, connection, on_error, name, tmp_path, monkeypatch):
    def failing(*given):
        raise RuntimeError("no\nmemory")

    monkeypatch.setattr(CurvaturePass, "measure", failing)
    asked = questions(golden, 6)
    callback = CalibrantCallback(connection, name, asked[:4], asked[4:], on_error=on_error, every=0)
    if on_error == "raise":
        with pytest.raises(RuntimeError, match="memory"):
            train(golden, tmp_path, callback, steps=1)
    else:
        train(golden, tmp_path, callback, steps=1)
        assert len(topics(connection, name, "questions")["questions"]) == 2
    assert callback.counts["failed"] == 1 and callback.counts["dropped"] == 0
    assert not callback._publisher._thread.is_alive()


def test_the_pass_is_outside_of_mixed_precision(golden, connection, name, tmp_path):
    """What Accelerate makes of the model for a training with bf16."""
    passes = []
    for i, options in enumerate(({}, {"bf16": True})):
        own = f"{name}-{i}"
        callback = CalibrantCallback(connection, own, questions(golden, 4), rank=None)
        train(golden, tmp_path, callback, steps=1, learning_rate=0.0, **options)
        assert callback.counts["unusable"] == 0 and callback.counts["dropped"] == 0
        found = [record for _, record in topics(connection, own, "statistics")["statistics"]]
        passes.append({record["block"]: record for record in found if record["checkpoint"] == "step-1"})
    assert passes[0] and set(passes[0]) == set(passes[1])
    for block, record in passes[0].items():
        other = passes[1][block]
        for side in ("rows", "small"):
            ours, exact = array(other[side]), array(record[side])
            assert numpy.linalg.norm(ours - exact) <= 1e-5 * numpy.linalg.norm(exact), (block, side)
        assert other["logLikelihood"] == pytest.approx(record["logLikelihood"], rel=1e-9)


def test_a_model_that_runs_in_mixed_precision_alone_has_its_curvature(golden, connection, name, tmp_path, caplog):
    model = peft_model(golden)

    def half_alone(module, args, kwargs):
        if not torch.is_autocast_enabled("cpu"):
            raise RuntimeError("only bfloat16")

    model.get_base_model().model.layers[0].self_attn.register_forward_pre_hook(half_alone, with_kwargs=True)
    callback = CalibrantCallback(connection, name, questions(golden, 4))
    train(golden, tmp_path, callback, steps=1, model=model, bf16=True)
    assert (callback.counts["failed"], callback.counts["dropped"], callback.counts["unusable"]) == (0, 0, 0)
    assert sum("mixed precision (bfloat16)" in said for said in caplog.messages) == 1
    found = topics(connection, name, "progress")["progress"]
    assert found[-1][1]["phase"] == "DONE"


@pytest.mark.parametrize(
    "every, steps",
    [
        (0, [5, 10, 15, 20, 22]),
        (1, [5, 10, 15, 20, 22]),
        (2, [5, 11, 17, 22]),
        (10, [5, 11, 16, 21, 22]),
        (100, [5, 10, 15, 20, 22]),
    ],
)
def test_progress_is_said_of_every_few_steps_with_the_loss_of_those_that_are_measured(golden, name, every, steps):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4), every=every)
    said = []
    callback._source = "0/1"
    callback._publisher = types.SimpleNamespace(submit=lambda records, patience: said.extend(records) or True)
    callback._loss = 0.5
    for step in range(1, 23):
        callback._capture = types.SimpleNamespace(rows=6 * step)
        state = types.SimpleNamespace(global_step=step, max_steps=22)
        callback.on_step_end(None, state, None)
    assert [one.value["step"] for one in said] == steps
    assert all(one.value["examples"] == 6 * one.value["step"] for one in said)
    measured = [every and (step - 1) % every == 0 for step in steps]
    assert [one.value["loss"] for one in said] == [0.5 if each or not every else None for each in measured]


@pytest.mark.parametrize("on_error", ["wait", "drop"])
def test_the_end_waits_no_longer_than_it_is_told_to(golden, on_error, name, tmp_path, impatient):
    callback = CalibrantCallback(
        AWAY, name, questions(golden, 8), batch_size=1, on_error=on_error, buffer_bytes=1, patience=1, every=0
    )
    began = time.monotonic()
    train(golden, tmp_path, callback, steps=1, callbacks=[Ended()])
    assert time.monotonic() - Ended.at < 15 and began < Ended.at


class Ended(transformers.TrainerCallback):
    """When the last step ended."""

    at = 0.0

    def on_step_end(self, args, state, control, **kwargs):
        Ended.at = time.monotonic()


@pytest.mark.parametrize("on_error", ["wait", "drop"])
def test_a_broker_that_is_away_breaks_no_run(golden, on_error, name, tmp_path, impatient):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4), on_error=on_error, patience=1)
    trainer = train(golden, tmp_path, callback, steps=3)
    assert trainer.state.global_step == 3
    assert callback.counts["sent"] == 0 and callback.counts["dropped"] > 0


class Outage(transformers.TrainerCallback):
    """Holds the broker after a step, and lets it go on by itself."""

    def __init__(self, pid, seconds):
        self.pid, self.seconds = pid, seconds

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            os.kill(self.pid, signal.SIGSTOP)
            threading.Timer(self.seconds, os.kill, (self.pid, signal.SIGCONT)).start()


def test_an_outage_loses_nothing_and_doubles_nothing(golden, launcher, connection, name, tmp_path, monkeypatch):
    """It is longer than the wait for a commit."""
    monkeypatch.setattr("calibrant.publishing._PATIENCE", 3.0)
    callback = CalibrantCallback(connection, name, questions(golden, 4))
    train(golden, tmp_path, callback, steps=4, callbacks=[Outage(launcher.up.pid, 5)])
    assert callback.counts["dropped"] == 0
    found = topics(connection, name, "statistics")["statistics"]
    places = [(record["checkpoint"], record["batch"], record["block"]) for _, record in found]
    assert len(places) == len(set(places))
    assert {batch for checkpoint, batch, _ in places if checkpoint == "live"} == {0, 1, 2, 3}
    assert any(checkpoint == "step-4" for checkpoint, _, _ in places)


class Stopped(Exception):
    """What a training ends with."""


class Stops(transformers.TrainerCallback):
    """Ends a training before a step."""

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 3:
            raise Stopped


def test_a_run_that_is_resumed_knows_where_it_began(golden, connection, name, tmp_path):
    options = {"save_strategy": "steps", "save_steps": 2}
    model = peft_model(golden)
    began = LoraAdapter(model).snapshot()
    first = CalibrantCallback(connection, name, questions(golden, 7))
    with pytest.raises(Stopped):
        train(golden, tmp_path, first, model=model, callbacks=[Stops()], **options)
    assert first._publisher.flush(60)
    first._publisher.close()
    callback = CalibrantCallback(connection, name, questions(golden, 7))
    resumed = peft_model(golden)
    train(golden, tmp_path, callback, model=resumed, resume=str(tmp_path / "checkpoint-2"), **options)
    assert callback.counts["dropped"] == 0 and callback.counts["unusable"] == 0
    found = topics(connection, name, "statistics", "adapters", "progress")
    # The last step of each of two epochs has 3 questions.
    (report,) = (record for _, record in found["progress"] if record["phase"] == "FINE_TUNING")
    assert (report["step"], report["examples"]) == (4, 14)
    live = [record for _, record in found["statistics"] if record["checkpoint"] == "live"]
    assert [sorted(one["batch"] for one in live if one["block"] == live[0]["block"])] == [[0, 1, 2, 2, 3]]
    for record in (record for _, record in found["adapters"] if record["checkpoint"] == "step-4"):
        assert numpy.allclose(array(record["initialWeight"]), began[record["block"]].numpy(), atol=0)
    weights = LoraAdapter(resumed).snapshot()
    passed = [record for _, record in found["statistics"] if record["checkpoint"] == "step-4"]
    for record in (*passed, *(one for one in live if one["batch"] == 3)):
        block = record["block"]
        if block.endswith("last_input"):
            assert record["squaredDistance"] == 0
        elif record["checkpoint"] == "step-4":
            distance = float((weights[block] - began[block]).double().square().sum())
            assert record["squaredDistance"] == pytest.approx(distance, rel=1e-5)
        else:
            assert record["squaredDistance"] > 0


def test_a_step_that_a_grad_scaler_skips_is_left_out(golden, connection, name, tmp_path):
    callback = CalibrantCallback(connection, name, questions(golden, 4))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-111)
    train(golden, tmp_path, callback, scaler=scaler, max_grad_norm=0.0)
    assert scaler.get_scale() == 65536
    assert callback.counts["unusable"] == 1 and callback.counts["dropped"] == 0
    found = topics(connection, name, "statistics")["statistics"]
    assert {record["batch"] for _, record in found if record["checkpoint"] == "live"} == {1, 2, 3}


def test_a_device_map(golden, connection, name, tmp_path):
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.float32, device_map={"": "cpu"})
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    callback = CalibrantCallback(connection, name, questions(golden, 4))
    train(golden, tmp_path, callback, steps=2, model=model)
    assert callback.counts["unusable"] == 0 and callback.counts["dropped"] == 0


def test_raise_stops_training(golden, name, tmp_path, impatient):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4), on_error="raise")
    with pytest.raises(ConnectionProblem, match="127.0.0.1:1"):
        train(golden, tmp_path, callback, steps=3)
    sending = [thread for thread in threading.enumerate() if thread.name == f"calibrant-{name}"]
    for thread in sending:
        thread.join(30)
        assert not thread.is_alive()


def test_what_cannot_be_measured_is_refused_by_name(golden, name, tmp_path):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4))
    with pytest.raises(ValueError, match="label_smoothing_factor must be 0, got 0.1"):
        train(golden, tmp_path, callback, label_smoothing_factor=0.1)
    with pytest.raises(ValueError, match="model must be a PEFT model"):
        callback.on_train_begin(transformers.TrainingArguments(str(tmp_path), use_cpu=True), None, None, model=torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="on_error must be"):
        CalibrantCallback(AWAY, name, questions(golden, 4), on_error="ignore")
    with pytest.raises(ValueError, match="answer of question 'a' must be one of its labels, got none"):
        examples([{"id": "a", "question": "b?", "choices": ["A", "B"]}], None)


@pytest.mark.parametrize(
    "settings, environment, words",
    [
        ({"packing": True}, {}, "packing must be False"),
        ({"padding_free": True}, {}, "padding_free must be False"),
        ({"use_liger_kernel": True}, {}, "use_liger_kernel must be False"),
        ({"n_gpu": 2}, {}, "one process must have one GPU"),
        ({"fsdp": "full_shard"}, {}, "fsdp must be left out"),
        ({"deepspeed": "zero.json"}, {}, "deepspeed must be left out"),
        ({"deepspeed_plugin": "a plugin"}, {}, "deepspeed must be left out, got it from accelerate"),
        ({"distributed_type": "FSDP"}, {}, "fsdp must be left out, got it from accelerate"),
        ({"distributed_type": "MEGATRON_LM"}, {}, "megatron_lm must be left out, got it from accelerate"),
        ({}, {"ACCELERATE_USE_FSDP": "true"}, "fsdp must be left out, got it from accelerate"),
        ({}, {"ACCELERATE_USE_DEEPSPEED": "true"}, "deepspeed must be left out, got it from accelerate"),
        ({"parallelism_config": types.SimpleNamespace(tp_size=1, cp_size=2)}, {}, "must have cp_size 1, got 2"),
        (
            {},
            {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_TP_SIZE": "4"},
            "must have tp_size 1, got 4",
        ),
        ({"torch_compile": True}, {}, "torch_compile must be False"),
    ],
)
def test_what_takes_weights_or_prompts_apart_is_refused(golden, name, settings, environment, words, monkeypatch):
    for key_, value in environment.items():
        monkeypatch.setenv(key_, value)
    kind = accelerate.DistributedType(settings.pop("distributed_type", "NO"))
    args = types.SimpleNamespace(distributed_state=types.SimpleNamespace(distributed_type=kind), **settings)
    with pytest.raises(ValueError, match=words):
        CalibrantCallback(AWAY, name, questions(golden, 4)).on_train_begin(args, None, None)


def test_the_checkpoint_is_named_after_the_step_whose_weights_are_there():
    best = types.SimpleNamespace(load_best_model_at_end=True)
    for args, place, step in (
        (best, "out/checkpoint-20", 20),
        (best, None, 40),  # the best step was not saved, and nothing was loaded
        (types.SimpleNamespace(load_best_model_at_end=False), "out/checkpoint-20", 40),
    ):
        state = types.SimpleNamespace(global_step=40, best_global_step=30, best_model_checkpoint=place)
        assert _last_step(args, state) == step


def test_every_reason_is_said_once(golden, name, caplog):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4))
    for step, trouble in enumerate(("another one by 40%", "not finite", "another one by 41%", "not finite")):
        callback._capture = types.SimpleNamespace(take=lambda: None, trouble=trouble)
        callback.on_pre_optimizer_step(None, types.SimpleNamespace(global_step=step), None)
    assert callback.counts["unusable"] == 4
    assert [one.message.split(": ")[1] for one in caplog.records] == ["another one by 40%", "not finite"]


def test_processes_wait_for_the_broker_no_longer_than_for_each_other(golden, name, monkeypatch):
    callback = CalibrantCallback(AWAY, name, questions(golden, 4))
    given = []
    callback._publisher = types.SimpleNamespace(
        sent=7, failure=None, submit=lambda records, patience: given.append(patience)
    )
    callback._most_wait = 450.0
    for sent in (7, 7, 8, 8):
        callback._publisher.sent = sent
        callback._submit([])
    assert given == [450.0, 0.0, 450.0, 0.0]


def test_sft_trainer(golden, connection, name, tmp_path):
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    tokenizer = transformers.AutoTokenizer.from_pretrained(golden / "model")
    asked = questions(golden, 8)
    from calibrant.prompts import PAPER, Template

    rows = [{"prompt": Template(PAPER).render(one), "completion": f" {one.answer}"} for one in asked]
    callback = CalibrantCallback(connection, name, asked)
    settings = {
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": True,
    }
    packed = trl.SFTConfig(str(tmp_path), packing=True, **settings)
    with pytest.raises(ValueError, match="packing must be False, got True"):
        callback.on_train_begin(packed, None, None)
    trl.SFTTrainer(
        peft_model(golden),
        trl.SFTConfig(str(tmp_path), **settings),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[callback],
    ).train()
    assert callback.counts["unusable"] == 0 and callback.counts["dropped"] == 0
    found = topics(connection, name, "statistics")["statistics"]
    assert {record["batch"] for _, record in found if record["checkpoint"] == "live"} == {0, 1}


def test_every_process_is_a_source(golden, connection, name, tmp_path):
    """Two processes of DDP; this file is their program."""
    place = json.dumps([connection.bootstrap_servers, connection.schema_registry, name, str(golden), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--rdzv-backend=c10d",
         "--rdzv-endpoint=localhost:0", __file__, place],
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = topics(connection, name, "statistics")["statistics"]
    live = {(record["batch"], record["source"], record["stride"]) for _, record in found if record["checkpoint"] == "live"}
    assert live == {(0, "0/2", 2), (1, "1/2", 2), (2, "0/2", 2), (3, "1/2", 2)}
    passed = {(record["batch"], record["source"]) for _, record in found if record["checkpoint"] == "step-2"}
    assert passed == {(0, "0/2"), (1, "1/2"), (2, "0/2")}


def one_process(place):
    import pathlib

    bootstrap, registry, name, golden, directory = json.loads(place)
    golden = pathlib.Path(golden)
    callback = CalibrantCallback(Connection(bootstrap, registry), name, questions(golden), batch_size=4)
    train(golden, directory, callback, steps=2, gradient_accumulation_steps=1, ddp_backend="gloo")
    assert callback.counts["dropped"] == 0, callback.counts


if __name__ == "__main__":
    one_process(sys.argv[1])
