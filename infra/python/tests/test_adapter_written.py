"""An adapter that the Java trainer has written, as PEFT reads it."""

import json

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from conftest import SHARED  # noqa: E402

ZOO = SHARED / "zoo"


def test_peft_reads_what_was_written_to_the_same_logits(launcher, name, tmp_path):
    adapters = ZOO / "adapters"
    if not adapters.is_dir():
        pytest.skip(f"needs the adapters in {adapters}")
    base, written = adapters / "base", tmp_path / "written"
    launcher.run(
        *("train", "--run", name, "--model", base, "--adapter", adapters / "dora", "--questions", ZOO / "questions.jsonl"),
        *("--steps", 2, "--learning-rate", "1e-2", "--validation", "none", "--rank", 2, "--output", written),
    )
    checked = launcher.check(
        *("--model", base, "--adapter", written, "--questions", ZOO / "questions.jsonl", "--limit", 4, "--json")
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(model, written).eval()
    moved = json.loads((adapters / "dora" / "ref.json").read_text())["last_logits"]
    for line, before in zip(map(json.loads, checked.splitlines()[:4]), moved, strict=True):
        with torch.no_grad():
            z = model(input_ids=torch.tensor([line["tokens"]])).logits[0, -1, line["labelTokens"]]
        assert z.tolist() == pytest.approx(line["logits"], abs=1e-4)
        assert max(abs(a - before[t]) for a, t in zip(z.tolist(), line["labelTokens"], strict=True)) > 1e-2
