"""Curvature sums against the golden files, and live statistics against a naive twin."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
safetensors = pytest.importorskip("safetensors.torch")

from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

from calibrant import curvature  # noqa: E402
from calibrant.adapter import LoraAdapter  # noqa: E402
from calibrant.capture import TokenRows  # noqa: E402
from calibrant.curvature import CurvaturePass, drawn_label  # noqa: E402
from calibrant.prompts import TEXT, PromptEncoder, PromptForm, class_tokens  # noqa: E402
from calibrant.questions import Question, read  # noqa: E402
from calibrant.reduction import THOROUGH, reduce, uniform  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(golden):
    base = AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.float32)
    return PeftModel.from_pretrained(base, golden / "adapter_mcq")


@pytest.fixture(scope="module")
def prompts(golden):
    tokenizer = AutoTokenizer.from_pretrained(golden / "model")
    encoder = PromptEncoder(PromptForm(), tokenizer, 1)
    return [encoder.encode(one) for one in read(golden / "data_mcq" / "train.jsonl")]


def sums(statistics):
    """R^T R and the small side of every block, and n."""
    found = {}
    for group in statistics.groups:
        for block in group:
            rows = block.rows.values.double()
            found[block.block] = (rows.T @ rows, block.small, block.n)
    return found


def added(parts):
    total = {}
    for part in parts:
        for name, (large, small, n) in sums(part).items():
            before = total.get(name, (0, 0, 0))
            total[name] = (before[0] + large, before[1] + small, before[2] + n)
    return total


def near(a, b, tolerance=1e-4):
    return float((a.double() - b.double()).norm() / b.double().norm()) < tolerance


def test_the_golden_prompts(golden, prompts):
    index = json.loads((golden / "mcq_golden.json").read_text())
    inputs = safetensors.load_file(golden / "mcq_inputs.safetensors")
    classes = class_tokens(prompts)
    assert [label for label, _ in classes] == index["labels"]
    assert [token for _, token in classes] == index["class_token_ids"]
    mask = inputs["train.b0.attention_mask"].bool()
    for row, prompt in enumerate(prompts[:4]):
        assert inputs["train.b0.input_ids"][row][mask[row]].tolist() == prompt.ids


@pytest.mark.parametrize(
    "kfac, fisher, size",
    [
        ("EXPAND", "EXACT", 4),
        ("EXPAND", "EMPIRICAL", 3),
        ("EXPAND", "MC", 5),
        ("LAST", "EXACT", 5),
        ("LAST", "MC", 4),
        ("REDUCE", "EXACT", 4),
    ],
)
def test_golden_factors(golden, model, prompts, monkeypatch, kfac, fisher, size):
    classes = class_tokens(prompts)
    adapter = LoraAdapter(model, [token for _, token in classes])
    measuring = CurvaturePass(
        adapter, [label for label, _ in classes], kfac=kfac, fisher=fisher, rank=None, run="r", random_seed=0
    )
    inputs = safetensors.load_file(golden / "mcq_inputs.safetensors")
    drawn = {one.question.id: int(y) for one, y in zip(prompts, inputs["train.mc_labels"])}
    monkeypatch.setattr(measuring, "_drawn", lambda probabilities, prompt: drawn[prompt.question.id])
    count = 200 if kfac == "REDUCE" else 32
    total = added(measuring.measure(prompts[i : min(i + size, count)], i // size) for i in range(0, count, size))
    if kfac == "REDUCE":
        reference = safetensors.load_file(golden / "mcq_supplement.safetensors")
        expected = {
            name: (reference[f"reduce.A.{name}"], reference[f"reduce.S.{name}"]) for name in total if "lm_head" not in name
        }
    else:
        reference = safetensors.load_file(golden / "mcq_kfac.safetensors")
        expected = {}
        for name in total:
            form = "last" if "lm_head" in name else kfac.lower()
            a = reference[f"{form}.A.{name}"]
            expected[name] = (a, reference[f"{form}.S.{fisher.lower()}.{name}"])
    for name, (a, s) in expected.items():
        large, small, _ = total[name]
        if name.endswith("lora_B"):
            large, small = small, large
        assert near(large, a), f"A of {name}"
        assert near(small, s), f"S of {name}"


@pytest.mark.parametrize("rank", [None, 8])
def test_a_batch_that_is_too_large_is_measured_in_parts(model, prompts, monkeypatch, rank):
    classes = class_tokens(prompts)
    adapter = LoraAdapter(model, [token for _, token in classes])
    measuring = CurvaturePass(adapter, [label for label, _ in classes], rank=rank)
    whole = measuring.measure(prompts[:7], 0)
    measure, sizes = measuring._measure, []

    def limited(some, batch):
        sizes.append(len(some))
        if len(some) > 2:
            raise torch.OutOfMemoryError("no memory")
        return measure(some, batch)

    monkeypatch.setattr(measuring, "_measure", limited)
    parts = measuring.measure(prompts[:7], 0)
    assert sizes == [7, 4, 2, 2, 2, 1]
    assert parts.examples == 7 and parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-6)
    expected = sums(whole)
    for name, (large, small, n) in sums(parts).items():
        assert n == expected[name][2] and near(small, expected[name][1], 1e-5)
        if rank is None:
            assert near(large, expected[name][0], 1e-5)
    for groups in zip(parts.groups, whole.groups, strict=True):
        for one, other in zip(*groups, strict=True):
            assert one.rows.values.shape == other.rows.values.shape
            assert float(one.rows.trace) == pytest.approx(float(other.rows.trace), rel=1e-5)
    for one, other in zip(parts.inputs, whole.inputs, strict=True):
        assert float(one.small) == 7 and torch.allclose(one.rows.values, other.rows.values, atol=1e-5)
    monkeypatch.setattr(measuring, "_measure", lambda some, batch: limited([*some, *some, *some], batch))
    with pytest.raises(torch.OutOfMemoryError):
        measuring.measure(prompts[:2], 0)


def test_a_model_that_runs_in_mixed_precision_alone_is_measured_in_it(model, prompts, monkeypatch, caplog):
    """As flash attention over weights of float32 does, or a head of bfloat16 behind norms of float32."""
    classes = class_tokens(prompts)
    adapter = LoraAdapter(model, [token for _, token in classes])

    def measuring(mixed):
        return CurvaturePass(adapter, [label for label, _ in classes], rank=None, mixed=mixed)

    exact = sums(measuring(None).measure(prompts[:3], 0))
    calls = []

    def half_alone(module, args, kwargs):
        calls.append(torch.is_autocast_enabled("cpu"))
        if not calls[-1]:
            raise RuntimeError("attention supports\nbfloat16 only")

    summed = []

    def outside(function):
        def wrapped(*given):
            assert not torch.is_autocast_enabled("cpu") and given[0].dtype == torch.float32
            summed.append(1)
            return function(*given)

        return wrapped

    monkeypatch.setattr(curvature, "reduce", outside(curvature.reduce))
    monkeypatch.setattr(curvature, "projected", outside(curvature.projected))
    handle = adapter.attention[0][1].register_forward_pre_hook(half_alone, with_kwargs=True)
    try:
        within = measuring(torch.bfloat16)
        found = [sums(within.measure(prompts[:3], batch)) for batch in (0, 1)]
        assert calls == [False, True, True] and summed
        (said,) = caplog.messages
        assert "mixed precision (bfloat16)" in said and said.endswith("attention supports bfloat16 only")
        with pytest.raises(RuntimeError, match="bfloat16 only"):
            measuring(None).measure(prompts[:3], 0)
    finally:
        handle.remove()
    for name, (large, small, n) in exact.items():
        for other in found:
            # Products of the model itself are those of bfloat16, as in training.
            assert other[name][2] == n and near(other[name][0], large, 0.2) and near(other[name][1], small, 0.2)


def test_dora_against_its_reference(golden):
    zoo = golden.parent / "zoo"
    if not zoo.exists():
        pytest.skip(f"needs {zoo}")
    base = AutoModelForCausalLM.from_pretrained(zoo / "adapters" / "base", dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, zoo / "adapters" / "dora")
    encoder = PromptEncoder(PromptForm(), AutoTokenizer.from_pretrained(zoo / "adapters" / "base"), 1)
    asked = [encoder.encode(one) for one in read(zoo / "questions.jsonl")]
    classes = class_tokens(asked)
    adapter = LoraAdapter(peft, [token for _, token in classes])
    measuring = CurvaturePass(adapter, [label for label, _ in classes], rank=None)
    total = added(measuring.measure(asked[i : i + 3], i // 3) for i in range(0, len(asked), 3))
    reference = safetensors.load_file(zoo / "adapters" / "dora" / "kfac.safetensors")
    for name, (large, small, n) in total.items():
        assert n == 318
        a, s = (large, small) if name.endswith("lora_A") else (small, large)
        assert near(a, reference[f"A.{name.replace('v_proj.lora_A', 'q_proj.lora_A')}"]), f"A of {name}"
        assert near(s, reference[f"S.{name}"]), f"S of {name}"
    ids, mask = measuring._padded(asked)
    peft.eval()
    with torch.no_grad():
        z = measuring._logits(ids, mask, TokenRows("LAST", mask.bool(), mask.sum(1) - 1))
    z = torch.stack([row[measuring._places(one)] for row, one in zip(z.double(), asked)])
    assert torch.allclose(z, reference["class_logits"], atol=1e-4)


def test_a_sequence_classifier_against_its_reference(golden):
    zoo = golden.parent / "zoo" / "seqcls"
    if not zoo.exists():
        pytest.skip(f"needs {zoo}")
    base = AutoModelForSequenceClassification.from_pretrained(zoo / "model", dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, zoo / "adapter")
    rows = [base.config.id2label[i] for i in range(3)]
    form = PromptForm(TEXT, special_tokens="ALWAYS")
    encoder = PromptEncoder(form, AutoTokenizer.from_pretrained(zoo / "model"), 1, rows, base.config.pad_token_id)
    lines = [json.loads(line) for line in (zoo / "train.jsonl").read_text().splitlines()]
    asked = [
        encoder.encode(Question.of({"id": one["id"], "question": one["text"], "answer": one["label"]})) for one in lines
    ]
    index = json.loads((zoo / "ref.json").read_text())
    assert [one.ids for one in asked] == index["train_ids"]
    measuring = CurvaturePass(LoraAdapter(peft), rows, rank=None, pad=base.config.pad_token_id)
    parts = [measuring.measure(asked[i : i + 7], i // 7) for i in range(0, 40, 7)]
    assert sum(part.log_likelihood for part in parts) == pytest.approx(index["log_likelihood_train"], rel=1e-5)
    reference = safetensors.load_file(zoo / "ref.safetensors")
    total = added(parts)
    assert len(total) == 12
    for name, (large, small, n) in total.items():
        a, s = (large, small) if name.endswith("lora_A") else (small, large)
        assert n == 716
        assert near(a, reference[f"A.{name}"]), f"A of {name}"
        assert near(s, reference[f"S.{name}"]), f"S of {name}"


@pytest.mark.parametrize("kind", ["plain", "rslora", "patterns", "layers", "exclude"])
def test_adapters_of_all_forms_have_their_scalings(golden, kind):
    zoo = golden.parent / "zoo" / "adapters"
    if not zoo.exists():
        pytest.skip(f"needs {zoo}")
    base = AutoModelForCausalLM.from_pretrained(zoo / "base", dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, zoo / kind)
    adapter = LoraAdapter(peft)
    described = adapter.run_fields()
    said = {path: described["scalings"].get(path, described["loraAlpha"] / described["loraRank"]) for path in described["loraTargets"]}
    for one in adapter.maps:
        assert said[one.path] == pytest.approx(one.module.scaling["default"])
    assert len(described["blocks"]) == 2 * len(adapter.maps) and len(described["inputs"]) == 3


def test_labels_are_drawn_from_the_model():
    p = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    said = [drawn_label(p, 3, f"question {i}") for i in range(4000)]
    for label, share in enumerate(p.tolist()):
        assert said.count(label) / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    # new SplittableRandom(Seeds.of("label", seed, id)).nextDouble()
    assert uniform("label", 0, "q1") == 0.700757656403237
    assert uniform("label", 7, "Frage 2 \u00e4") == 0.03276957181543383


def test_reduction_keeps_what_a_low_rank_has():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(300, 6, generator=generator) @ torch.randn(6, 90, generator=generator)
    reduced = reduce(rows, 10, THOROUGH, 7)
    assert reduced.values.shape == (20, 90)
    assert near(reduced.values.T @ reduced.values, rows.T @ rows, 1e-5)
    assert abs(float(reduced.trace) / float(rows.double().square().sum()) - 1) < 1e-6
    again = reduce(rows, 10, THOROUGH, 7)
    assert torch.equal(again.values, reduced.values)
