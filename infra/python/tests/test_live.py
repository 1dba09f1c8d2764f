"""Live statistics from the backward pass of a step, against a naive twin of one question at a time."""

import contextlib
import types

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, get_peft_model, inject_adapter_in_model  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification  # noqa: E402

import calibrant.capture as capturing  # noqa: E402
from calibrant import adapter as adapters  # noqa: E402
from calibrant.adapter import LoraAdapter  # noqa: E402
from calibrant.capture import IGNORED, LiveCapture  # noqa: E402
from calibrant.reduction import QUICK, THOROUGH, reduce, reduce_all  # noqa: E402

torch.set_num_threads(1)
CLASSES = [11, 12, 13]
PAD = 0


def llama(kind=LlamaForCausalLM, **changes):
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=PAD,
        **changes,
    )
    return kind(config)


def adapted(base=None, **changes):
    settings = {"r": 3, "lora_alpha": 5, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    model = get_peft_model(base or llama(), LoraConfig(**{**settings, **changes}))
    torch.manual_seed(5)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.3)
    return model.train()


def batch(left=False, lengths=(5, 3, 7)):
    """Prompts of several lengths with their label behind them."""
    torch.manual_seed(7)
    rows, masks, labels = [], [], []
    longest = max(lengths) + 1
    for i, length in enumerate(lengths):
        prompt = torch.randint(14, 40, (length,)).tolist()
        label = CLASSES[i % 3]
        fill = longest - length - 1
        ids, said = [*prompt, label], [IGNORED] * length + [label]
        empty, none = [PAD] * fill, [IGNORED] * fill
        rows.append(empty + ids if left else ids + empty)
        labels.append(none + said if left else said + none)
        masks.append([0] * fill + [1] * (length + 1) if left else [1] * (length + 1) + [0] * fill)
    return {
        "input_ids": torch.tensor(rows),
        "attention_mask": torch.tensor(masks),
        "labels": torch.tensor(labels),
    }


def one_by_one(model, inputs, kfac="EXPAND"):
    """Large and small sums of every block: each question alone, its weights' inputs and gradients by hand."""
    model = model.eval()
    total = {}
    for ids, mask, labels in zip(inputs["input_ids"], inputs["attention_mask"], inputs["labels"]):
        own = ids[mask.bool()]
        place = int((labels[mask.bool()] != IGNORED).nonzero()[0]) - 1
        prompt = own[: place + 1]
        seen, handles = {}, []
        for one in LoraAdapter(model, CLASSES).maps:

            def keep(module, args, output, path=one.path):
                if output.dim() == 3:
                    output.retain_grad()
                    seen[path] = [seen[path][0], output]

            handles.append(one.module.register_forward_pre_hook(lambda m, a, p=one.path: seen.update({p: [a[0]]})))
            handles.append(one.b.register_forward_hook(keep))
        logits = model(input_ids=prompt[None]).logits[0, -1]
        loss = -torch.log_softmax(logits, 0)[own[place + 1]]
        model.zero_grad()
        loss.backward()
        for handle in handles:
            handle.remove()
        for one in LoraAdapter(model, CLASSES).maps:
            x, out = seen[one.path]
            x, g = x[0].detach(), out.grad[0]
            b = one.b.weight.detach()
            if one.is_head:
                x, g, b = x[-1:], g[-1:, CLASSES], b[CLASSES]
            elif kfac == "LAST":
                x, g = x[-1:], g[-1:]
            elif kfac == "REDUCE":
                x, g = x.mean(0, keepdim=True), g.sum(0, keepdim=True)
            ax, bg = x @ one.a.weight.detach().T, g @ b
            for name, large, small in ((f"{one.path}.lora_A", x, bg), (f"{one.path}.lora_B", g, ax)):
                before = total.get(name, (0, 0, 0, 0.0))
                total[name] = (
                    before[0] + large.T @ large,
                    before[1] + small.T @ small,
                    before[2] + len(x),
                    before[3] - float(loss.detach()),
                )
    model.zero_grad()
    model.train()
    return total


def attempted(model, run, kfac="EXPAND", rank=None):
    """Statistics of a step, or none and why."""
    capture = LiveCapture(LoraAdapter(model, CLASSES), kfac, rank, "r")
    capture.install()
    capture.arm(0)
    try:
        run()
        return capture.take(), capture.trouble
    finally:
        capture.remove()


def captured(model, run, kfac="EXPAND", rank=None):
    statistics, trouble = attempted(model, run, kfac, rank)
    assert statistics is not None, trouble
    return statistics


def assert_near(statistics, twin, tolerance=2e-4):
    blocks = {block.block: block for group in statistics.groups for block in group}
    assert sorted(blocks) == sorted(twin)
    for name, (large, small, n, likelihood) in twin.items():
        rows = blocks[name].rows.values.double()
        assert blocks[name].n == n, name
        for what, ours, theirs in (("large", rows.T @ rows, large), ("small", blocks[name].small, small)):
            error = (ours - theirs.double()).norm() / theirs.double().norm()
            assert float(error) < tolerance, f"{what} of {name}: {float(error):.1e}"
        assert float(blocks[name].rows.trace) == pytest.approx(float(torch.trace(large)), rel=tolerance)
        assert statistics.log_likelihood == pytest.approx(likelihood, rel=tolerance)


@pytest.mark.parametrize("kfac", ["EXPAND", "REDUCE", "LAST"])
@pytest.mark.parametrize("left", [False, True])
def test_the_sums_are_those_of_single_questions(kfac, left):
    model, inputs = adapted(), batch(left)
    statistics = captured(model, lambda: model(**inputs).loss.backward(), kfac)
    assert_near(statistics, one_by_one(model, inputs, kfac))
    assert statistics.examples == 3
    (first, second) = statistics.inputs
    assert first.block == "model.layers.0.self_attn.last_input" and first.rows.values.shape == (3, 24)
    assert float(second.small) == 3


def test_rslora_and_dora_have_their_scale():
    for changes in ({"use_rslora": True}, {"use_dora": True}, {"use_dora": True, "lora_dropout": 0.0, "alpha_pattern": {"v_proj": 9}}):
        model, inputs = adapted(**changes), batch()
        assert_near(captured(model, lambda: model(**inputs).loss.backward()), one_by_one(model, inputs))


def test_a_head_is_trimmed_to_the_class_tokens():
    model, inputs = adapted(target_modules=["v_proj", "lm_head"]), batch()
    statistics = captured(model, lambda: model(**inputs).loss.backward())
    twin = one_by_one(model, inputs)
    assert twin["lm_head.lora_B"][0].shape == (3, 3)
    assert_near(statistics, twin)


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_counts_once(reentrant, monkeypatch):
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    calls, reduced = [], []
    monkeypatch.setattr("calibrant.capture.reduce_all", lambda *given: reduced.extend(given[0]) or reduce_all(*given))
    handle = LoraAdapter(model).maps[0].module.register_forward_pre_hook(lambda module, args: calls.append(1))
    statistics = captured(model, lambda: model(**inputs).loss.backward())
    handle.remove()
    assert len(calls) == 2, "nothing was computed again"
    adapter = LoraAdapter(model)
    assert len(reduced) == len(adapter.groups) + len(adapter.maps)
    assert_near(statistics, twin)


def test_accumulated_micro_batches_are_one_batch():
    model, inputs = adapted(), batch(lengths=(5, 3, 7, 4))
    twin = one_by_one(model, inputs)

    def steps():
        for part in (slice(0, 1), slice(1, 4)):
            some = {name: values[part] for name, values in inputs.items()}
            (model(**some, num_items_in_batch=4).loss).backward()

    assert_near(captured(model, steps), twin)


def test_the_scale_of_the_loss_is_taken_out():
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)
    assert_near(captured(model, lambda: (model(**inputs).loss * 4096 / 7).backward()), twin)


def test_a_grad_scaler_is_taken_out_and_its_overflows_are_told():
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-111)

    def step():
        scaler.scale(model(**inputs).loss * 4).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    statistics, trouble = attempted(model, step)
    assert statistics is None and "finite" in trouble and scaler.get_scale() == 65536
    assert_near(captured(model, step), twin)


def test_a_loss_over_the_labels_alone():
    model, inputs = adapted(), batch()
    labels = torch.tensor([0, 1, 2])
    short = [int(row.sum()) - 1 for row in inputs["attention_mask"]]
    mask = torch.zeros_like(inputs["attention_mask"])
    for row, length in enumerate(short):
        mask[row, :length] = 1

    def step():
        logits = model(input_ids=inputs["input_ids"], attention_mask=mask).logits
        z = logits[torch.arange(3), torch.tensor(short) - 1][:, CLASSES]
        torch.nn.functional.cross_entropy(z, labels).backward()

    statistics = captured(model, step)
    with torch.no_grad():
        logits = model(input_ids=inputs["input_ids"], attention_mask=mask).logits
        z = logits[torch.arange(3), torch.tensor(short) - 1][:, CLASSES]
    expected = float(torch.log_softmax(z, 1)[torch.arange(3), labels].sum())
    assert statistics.log_likelihood == pytest.approx(expected, rel=1e-4)


def test_a_fused_head_that_shows_no_logits():
    """As TRL's SFTTrainer has it from version 1 on."""
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)
    base = model.get_base_model()
    plain = base.forward

    def fused(**given):
        said = given.pop("labels")[:, 1:]
        logits = plain(**given).logits[:, :-1]
        log_p = torch.log_softmax(logits, 2).gather(2, said.clamp_min(0)[..., None]).squeeze(2)
        return types.SimpleNamespace(log_probs=torch.where(said != IGNORED, log_p, torch.zeros(())))

    base.forward = fused
    assert_near(captured(model, lambda: (-model.base_model(**inputs).log_probs.sum() / 7).backward()), twin)


@pytest.mark.parametrize("measures", [True, False])
def test_rows_are_those_of_each_micro_batch_once(measures):
    model, inputs = adapted(), batch()
    model.gradient_checkpointing_enable({"use_reentrant": True})
    model.enable_input_require_grads()
    capture = LiveCapture(LoraAdapter(model, CLASSES), "EXPAND", None, "run")
    capture.install(measures=measures)
    for rows in (3, 1):
        capture.next_micro_batch()
        own = {name: values[:rows] for name, values in inputs.items()}
        with torch.no_grad():  # a pass for a metric
            model(**inputs)
        model(**own).loss.backward()
        model(**own).loss.backward()  # a second one, of another loss
        model.eval()
        model(**inputs)
        model.train()
    capture.remove()
    assert capture.rows == 4


def test_a_pass_for_a_metric_is_none_of_the_step():
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)

    def step():
        loss = model(**inputs).loss
        with torch.no_grad():
            model(**batch(lengths=(2, 2)))
        loss.backward()

    assert_near(captured(model, step), twin)


def test_a_map_that_is_passed_over_is_named():
    model, inputs = adapted(target_modules=["v_proj", "lm_head"]), batch()
    base = model.get_base_model()
    whole = base.lm_head

    def step():
        base.lm_head = whole.base_layer  # what a fused head does: the weight, and not the module
        model(**inputs).loss.backward()
        base.lm_head = whole

    assert attempted(model, step) == (None, "the model did not call its map lm_head")


def test_another_loss_is_not_taken_for_one():
    model, inputs = adapted(), batch()
    statistics, trouble = attempted(model, lambda: model(**inputs).logits.square().mean().backward())
    assert statistics is None and "cross-entropy" in trouble


def test_a_loss_outside_of_the_model_is_not_taken_for_one():
    """The model does not see the labels: it is at the tokens before the last ones."""
    model, inputs = adapted(), batch()
    for step in (
        lambda: torch.nn.functional.cross_entropy(
            model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1].flatten(0, 1),
            inputs["labels"][:, 1:].flatten(),
        ),
        lambda: (out := model(**inputs)).loss + 10 * out.logits[:, 0].square().mean(),
    ):
        statistics, trouble = attempted(model, lambda: step().backward())
        assert statistics is None and "cross-entropy" in trouble


@pytest.mark.parametrize("kfac", ["EXPAND", "REDUCE", "LAST"])
def test_rows_without_a_label_are_no_examples(kfac):
    model, inputs = adapted(target_modules=["v_proj", "lm_head"]), batch(lengths=(5, 3, 7, 4))
    inputs["labels"][1] = IGNORED
    rest = {name: values[[0, 2, 3]] for name, values in inputs.items()}
    statistics = captured(model, lambda: model(**inputs).loss.backward(), kfac)
    assert_near(statistics, one_by_one(model, rest, kfac))
    assert statistics.examples == 3
    for one in statistics.inputs:
        assert float(one.small) == 3 and one.rows.values.shape[0] == 3


def test_a_step_without_a_label_is_not_sent():
    model, inputs = adapted(), batch()
    inputs["labels"][:] = IGNORED
    statistics, trouble = attempted(model, lambda: (model(**inputs, num_items_in_batch=1).loss).backward())
    assert statistics is None and "no example has a label" in trouble


def test_rows_that_are_not_finite_are_not_sent():
    model, inputs = adapted(), batch()
    capture = LiveCapture(LoraAdapter(model, CLASSES), "EXPAND", None, "r")
    capture.install()
    capture.arm(0)
    model(**inputs).loss.backward()
    capture._waiting.reduce()
    now = capture._micros[0]
    name = next(iter(now.large))
    now.large[name].values[0, 0] = float("inf")
    assert capture.take() is None and "finite" in capture.trouble
    capture.remove()


@pytest.mark.parametrize("waiting", [0, 4000, 10**9])
def test_rows_that_wait_for_others_are_reduced_as_alone(waiting, monkeypatch):
    model, inputs = adapted(), batch(lengths=(9, 8, 7, 9))
    calls = []
    monkeypatch.setattr("calibrant.capture.reduce_all", lambda *given: calls.append(len(given[0])) or reduce_all(*given))
    monkeypatch.setattr("calibrant.capture._WAITING", 0)
    alone = captured(model, lambda: model(**inputs).loss.backward(), rank=5)
    assert max(calls) == 1
    calls.clear()
    monkeypatch.setattr("calibrant.capture._WAITING", waiting)
    together = captured(model, lambda: model(**inputs).loss.backward(), rank=5)
    assert waiting == 0 or max(calls) > 1
    assert [block.block for group in together.groups for block in group] == [
        block.block for group in alone.groups for block in group
    ]
    for one, other in zip(together.groups, alone.groups):
        for block, expected in zip(one, other):
            assert torch.allclose(block.rows.values, expected.rows.values, rtol=1e-3, atol=1e-5 * expected.rows.values.abs().max())
            assert float(block.rows.trace) == pytest.approx(float(expected.rows.trace), rel=1e-5)


@pytest.mark.parametrize("steps", [QUICK, THOROUGH])
def test_blocks_together_are_reduced_as_alone(steps):
    generator = torch.Generator().manual_seed(1)
    blocks = [torch.randn(113, 67, generator=generator) * torch.arange(1, 68) ** -decay for decay in (0.5, 1.0, 2.0)]
    blocks += [torch.zeros(113, 67), 1e-9 * blocks[0], torch.randn(113, 3, generator=generator) @ blocks[1][:3]]
    blocks += [1e-25 * blocks[0], 1e-42 * blocks[0]]
    for rows, one, drawn in zip(blocks, reduce_all(blocks, 5, steps, range(7, 15)), range(7, 15), strict=True):
        alone = reduce(rows, 5, steps, drawn)
        assert one.values.shape == alone.values.shape
        ours, theirs = (each.values.double().T @ each.values.double() for each in (one, alone))
        assert float((ours - theirs).norm()) <= 1e-5 * float(theirs.norm()) + 1e-80
        assert bool(theirs.any()) == bool(rows.any())
        assert float(one.trace) == pytest.approx(float(rows.double().square().sum()), rel=1e-6)
    assert not reduce(torch.zeros(113, 67), 5, steps, 7).values.any()


def test_gradients_that_are_zero_have_no_rows():
    """As where float32 is certain of every label."""
    model, inputs = adapted(), batch(lengths=(9, 8, 7, 9))
    statistics = captured(model, lambda: (0 * model(**inputs).loss).backward(), rank=5)
    for group in statistics.groups:
        for block in group:
            assert block.rows.values.isfinite().all(), block.block
            if block.block.endswith("lora_B"):
                assert not block.rows.values.any() and not block.rows.trace


def test_a_step_that_was_broken_off_does_not_grow():
    model, inputs = adapted(), batch(lengths=(2,))
    capture = LiveCapture(LoraAdapter(model, CLASSES), "EXPAND", None, "r")
    capture.install()
    capture.arm(0, micro_batches=2)
    for _ in range(10):
        model(**inputs)
    assert not capture._micros and capture.take() is None and "more than 8 forward passes" in capture.trouble
    again = LiveCapture(LoraAdapter(model, CLASSES), "EXPAND", None, "r")
    again.install()
    assert not capture._handles and again._handles
    again.remove()


def test_labels_that_are_nearly_certain():
    """float32 gives their gradient p - 1 in steps of 6e-8."""
    for certain in (14.0, 15.0, 16.0, 18.0):
        z = torch.zeros(3, 10, requires_grad=True)
        with torch.no_grad():
            z[:, 1] = certain + torch.tensor([0.0, 0.3, 0.1])
        y = torch.ones(3, dtype=torch.long)
        torch.nn.functional.cross_entropy(z, y).backward()
        fitted = capturing._fit(z.detach().double(), z.grad.double(), y, z.grad.double().norm())
        assert float(fitted.misfit) < 0.03, certain
    other = torch.full_like(z, 1e-3).double()
    assert float(capturing._fit(z.detach().double(), other, y, other.norm()).misfit) > 0.03


def test_gradients_that_overflow_are_not_sent():
    model, inputs = adapted(), batch()
    statistics, trouble = attempted(model, lambda: (model(**inputs).loss * float("inf")).backward())
    assert statistics is None and "finite" in trouble


def test_dropout_is_not_in_the_inputs():
    model, inputs = adapted(lora_dropout=0.5), batch()
    statistics = captured(model, lambda: model(**inputs).loss.backward())
    twin = one_by_one(model, inputs)
    blocks = {block.block: block for group in statistics.groups for block in group}
    name = "model.layers.0.self_attn.q_proj"
    rows = blocks[f"{name}.lora_A"].rows.values
    assert torch.allclose(rows.T @ rows, twin[f"{name}.lora_A"][0], rtol=1e-4, atol=1e-5)
    assert torch.allclose(blocks[f"{name}.lora_B"].small.float(), twin[f"{name}.lora_B"][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_autocast_is_within_its_rounding(dtype):
    model, inputs = adapted(), batch()
    twin = one_by_one(model, inputs)

    def step():
        with torch.autocast("cpu", dtype):
            loss = model(**inputs).loss
        loss.backward()

    assert_near(captured(model, step), twin, 0.05)


@pytest.mark.parametrize("kfac", ["EXPAND", "REDUCE"])
def test_autocast_is_not_that_of_the_sums(kfac, monkeypatch):
    """Every product of what a training with autocast gives is that of float32."""
    model, inputs = adapted(), batch(lengths=(9, 8, 7, 9))
    off = []

    def beside(exact):
        def both(function):
            def wrapped(*given, **named):
                found = function(*given, **named)
                with torch.autocast("cpu", enabled=False):
                    other = exact(function, *given, **named)
                for one, exactly in zip(*(each if isinstance(each, list) else [each] for each in (found, other))):
                    values, others = (each if isinstance(each, torch.Tensor) else each.values for each in (one, exactly))
                    off.append(float((values.double() - others.double()).norm() / others.double().norm()))
                return found

            return wrapped

        return both

    same = beside(lambda function, *given: function(*given))
    wide = beside(lambda function, rows, array, mean: function(rows, array.double(), mean=mean))
    monkeypatch.setattr(capturing, "reduce_all", same(capturing.reduce_all))
    monkeypatch.setattr(capturing, "projected", same(capturing.projected))
    monkeypatch.setattr(capturing.TokenRows, "_rows", wide(capturing.TokenRows._rows))

    def step():
        with torch.autocast("cpu", torch.bfloat16):
            model(**inputs).loss.backward()

    captured(model, step, kfac, rank=3)
    assert len(off) > 20 and max(off) < 1e-5, max(off)


def test_a_sequence_classifier():
    base = llama(LlamaForSequenceClassification, num_labels=3)
    model = adapted(base, task_type="SEQ_CLS")
    inputs = batch()
    inputs = {**inputs, "labels": torch.tensor([0, 2, 1])}
    statistics = captured(model, lambda: model(**inputs).loss.backward())
    alone = [
        captured(model, lambda: model(**{name: values[i : i + 1] for name, values in inputs.items()}).loss.backward())
        for i in range(3)
    ]
    whole = {block.block: block for group in statistics.groups for block in group}
    assert "score" not in whole and statistics.log_likelihood < 0
    for name, block in whole.items():
        parts = [b for one in alone for group in one.groups for b in group if b.block == name]
        assert block.n == sum(part.n for part in parts)
        assert torch.allclose(block.small, sum(part.small for part in parts), rtol=1e-3, atol=1e-9)


def test_reduced_rows_keep_trace_and_small_sides():
    model, inputs = adapted(), batch(lengths=(9, 8, 7, 9))
    full = captured(model, lambda: model(**inputs).loss.backward())
    few = captured(model, lambda: model(**inputs).loss.backward(), rank=5)
    for all_rows, rows in zip(full.groups, few.groups):
        for before, after in zip(all_rows, rows):
            assert after.rows.values.shape[0] <= 10
            assert float(after.rows.trace) == pytest.approx(float(before.rows.trace), rel=1e-5)
            assert torch.allclose(before.small, after.small, rtol=1e-4, atol=1e-12)
            # k of the 2k rows are kept by a fit.
            kept, best = (torch.linalg.svdvals(one.rows.values.double())[:5].square().sum() for one in (after, before))
            assert 0.98 * float(best) < float(kept) <= float(best) * (1 + 1e-6)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"device": "meta"}, "device_map must have the adapter's maps on devices, got model.layers.0.self_attn.q_proj away"),
        ({"bias": "lora_only"}, "bias must be 'none'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights must leave"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights must leave"),
        ({"trainable_token_indices": [3, 4]}, "trainable_token_indices must be left out, got"),
        ({"layer_replication": [[0, 2], [1, 2]]}, "layer_replication must be left out, got"),
        ({"modules_to_save": ["embed_tokens"]}, "modules_to_save must be left out"),
        ({"target_modules": ["embed_tokens", "v_proj"]}, "must be linear maps, got the embedding"),
    ],
)
def test_what_is_not_supported_is_named(changes, words):
    with contextlib.suppress(ImportError):
        model = adapted(**{name: value for name, value in changes.items() if name != "device"})
        model.to(changes.get("device", "cpu"))
        with pytest.raises(ValueError, match=words):
            LoraAdapter(model)


def test_every_option_that_makes_another_model_is_named():
    for name in adapters._OTHER_MODELS:
        config = LoraConfig(r=3, target_modules=["v_proj"], task_type="CAUSAL_LM")
        setattr(config, name, [1])
        with pytest.raises(ValueError, match=f"{name} must be left out"):
            adapters._require_supported(config)


def test_an_adapter_that_peft_does_not_wrap_is_refused_by_name():
    """What transformers' own add_adapter makes, whose active_adapters is a method."""
    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    base = inject_adapter_in_model(config, llama())
    base.peft_config = {"default": config}
    for model in (base, torch.nn.Linear(2, 2)):
        with pytest.raises(ValueError, match=f"must be a PEFT model .*a PeftModel .*, got {type(model).__name__}"):
            LoraAdapter(model)


def test_what_is_trained_beside_the_adapter_is_named():
    model = adapted()
    other = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    model.add_adapter("other", other)
    assert LoraAdapter(model).name == "default"
    model.base_model.set_adapter(["default", "other"])
    with pytest.raises(ValueError, match="active_adapter must be one adapter, got default, other"):
        LoraAdapter(model)
    model.set_adapter("default")
    model.get_base_model().model.norm.weight.requires_grad_(True)
    with pytest.raises(ValueError, match="must be frozen, got model.norm.weight"):
        LoraAdapter(model)


def test_packing_is_refused_by_name():
    model, inputs = adapted(), batch()
    positions = torch.arange(8).repeat(3, 1)
    positions[0, 3:] -= 3
    with pytest.raises(ValueError, match="packing must be False"):
        attempted(model, lambda: model(**inputs, position_ids=positions))
    numbered = {**inputs, "attention_mask": torch.tensor([[1, 1, 1, 2, 2, 2, 2, 2]] * 3)}
    with pytest.raises(ValueError, match="packing must be False"):
        attempted(model, lambda: model(**numbered))
    whole = {**inputs, "labels": inputs["input_ids"].clone()}
    with pytest.raises(ValueError, match="labels must be those of the answer alone"):
        attempted(model, lambda: model(**whole))
    left = batch(left=True)
    left["labels"] = left["input_ids"].masked_fill(left["attention_mask"] == 0, IGNORED)
    with pytest.raises(ValueError, match="labels must be those of the answer alone"):
        attempted(model, lambda: model(**left))
