"""Batches of a run, computed again and compared with what is on the topics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from calibrant.adapter import SCORE, LoraAdapter
from calibrant.capture import BatchStatistics, small_side
from calibrant.connection import Connection, stored
from calibrant.curvature import CurvaturePass
from calibrant.prompts import PromptEncoder, PromptForm, end_of_sequence, padding
from calibrant.questions import read
from calibrant.records import array


@dataclass(frozen=True)
class Difference:
    """How far a block's statistics are from what the topic has, relative."""

    batch: int
    block: str
    n: float
    trace: float
    small: float
    rows: float
    reduced: bool = False

    @property
    def largest(self) -> float:
        """The largest one that decides: reduced rows are another draw's."""
        return max(self.n, self.trace, self.small, 0.0 if self.reduced else self.rows)


def golden() -> list[Difference]:
    """The worked example of statistics.md, computed by this package."""
    text = resources.files("calibrant").joinpath("golden/worked_example.json").read_text(encoding="utf-8")
    example = json.loads(text)
    x, h, a, b = (torch.tensor(example[name], dtype=torch.float64) for name in ("x", "outputGradient", "A", "B"))
    g = example["scaling"] * h
    sides = {"lora_A": (x, small_side(g @ b)), "lora_B": (g, small_side(x @ a.T))}
    found = []
    for block, (rows, small) in sides.items():
        said = example[block]
        found.append(
            _difference(0, block, float(len(rows)), rows, small, said, numpy.array(said["rows"]), numpy.array(said["small"]))
        )
    return found


def check(
    connection: Connection,
    run: str,
    model: str | Path,
    questions: Any,
    checkpoint: str | None = None,
    batches: int = 3,
    device: str = "cpu",
) -> list[Difference]:
    """Computes the first batches of a run's curvature pass again, with the adapter on the topics.

    The base model is loaded in the precision that the run had it in. ``questions`` are the run's training questions, in
    their order. Raises ``ValueError`` where the run has no pass.
    """
    if batches < 1:
        raise ValueError(f"batches must be 1 or more, got {batches}")
    described, sent = _read(connection, run, batches)
    passes = list(sent)
    if not passes:
        raise ValueError(f"run {run!r} must have a curvature pass on topic {connection.topic('statistics')}, got none")
    chosen = checkpoint or passes[-1]
    if chosen not in sent:
        raise ValueError(f"checkpoint must be one of {', '.join(passes)}, got {chosen!r}")
    if not sent[chosen]:
        raise ValueError(f"batches must be those of checkpoint {chosen!r}, got none of the first {batches}")
    weights = _weights(connection, described, chosen)
    adapter, prompts = _loaded(described, weights, model, questions, device)
    measuring = CurvaturePass(
        adapter,
        [one["label"] for one in described["classTokens"]],
        kfac=described["kfac"],
        fisher=described["fisher"],
        rank=None,
        run=run,
        random_seed=described["seed"],
        pad=padding(adapter.base.config.pad_token_id),  # a classifier looks for it
    )
    found = []
    for batch, records in sorted(sent[chosen].items()):
        size = int(next(iter(sent[chosen].get(0, records).values()))["examples"])
        measured = measuring.measure(prompts[batch * size : (batch + 1) * size], batch)
        found += _differences(batch, measured, records)
    return found


def _read(
    connection: Connection, run: str, batches: int
) -> tuple[Mapping[str, Any], dict[str, dict[int, dict[str, Any]]]]:
    """The run, and its statistics by checkpoint, batch and block: of a pass the first batches, and no others."""
    described: Mapping[str, Any] | None = None
    sent: dict[str, dict[int, dict[str, Any]]] = {}
    newest: dict[str, int] = {}
    for topic, message, record in stored(connection, ["runs", "statistics"], lambda name: name.split("/")[0] == run):
        if record is None:
            continue
        if topic == "runs":
            described = record
        elif record["batches"] == 1 and record["batchesExpected"] is not None:
            newest[record["checkpoint"]] = max(newest.get(record["checkpoint"], 0), message.timestamp()[1])
            own = sent.setdefault(record["checkpoint"], {})
            if record["batch"] < batches:
                own.setdefault(record["batch"], {})[record["block"]] = record
    if described is None:
        raise ValueError(f"run must be one on topic {connection.topic('runs')}, got {run!r}")
    return described, {name: sent[name] for name in sorted(sent, key=newest.__getitem__)}


def _weights(connection: Connection, run: Mapping[str, Any], checkpoint: str) -> dict[str, Any]:
    """The adapter's records of a checkpoint, by block."""
    own = f"{run['runId']}/{checkpoint}/"
    found = {
        record["block"]: record
        for _, _, record in stored(connection, ["adapters"], lambda name: name.startswith(own))
        if record is not None
    }
    wanted = [one["name"] for one in (*run["blocks"], *run["savedWeights"])]
    other = [name for name in wanted if name == SCORE or name.endswith((".lora_A", ".lora_B"))]
    if len(other) < len(wanted):
        whole = next(name for name in wanted if name not in other)
        raise ValueError(f"run must have LoRA alone to be checked, got {whole}, which was saved whole")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(
            f"topic {connection.topic('adapters')} must have the adapter of checkpoint {checkpoint!r},"
            f" got no {missing[0]}"
        )
    return found


def _loaded(
    run: Mapping[str, Any], weights: Mapping[str, Any], model: str | Path, questions: Any, device: str
) -> tuple[LoraAdapter, list[Any]]:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    classifier = run["taskType"] == "SEQ_CLS"
    labels = [one["label"] for one in run["classTokens"]]
    kind = AutoModelForSequenceClassification if classifier else AutoModelForCausalLM
    options = {"num_labels": len(labels)} if classifier else {}
    base = kind.from_pretrained(str(model), dtype=_base_type(run), **options)
    try:
        base = base.to(device)
    except (RuntimeError, AssertionError) as problem:
        raise ValueError(f"device must be one that torch has, got {device!r}: {problem}") from problem
    ranks = {name.removesuffix(".lora_A"): record["weight"]["shape"][0] for name, record in weights.items() if name.endswith(".lora_A")}
    scalings = {path: run["scalings"].get(path, run["loraAlpha"] / run["loraRank"]) for path in ranks}
    config = LoraConfig(
        r=run["loraRank"],
        lora_alpha=run["loraAlpha"],
        target_modules=list(run["loraTargets"]),
        task_type=run["taskType"],
        rank_pattern={path: rank for path, rank in ranks.items() if rank != run["loraRank"]},
        use_dora=any(record["magnitude"] is not None for record in weights.values()),
    )
    peft = get_peft_model(base, config)
    adapter = LoraAdapter(peft, [one["tokenId"] for one in run["classTokens"]])
    with torch.no_grad():
        for one in adapter.maps:
            one.module.scaling[adapter.name] = scalings[one.path]  # type: ignore[index, operator]
            b = weights[f"{one.path}.lora_B"]
            _set(one.a.weight, array(weights[f"{one.path}.lora_A"]["weight"]))
            _set(one.b.weight, array(b["weight"]), adapter.class_tokens if one.is_head else None)
            if one.magnitude is not None and b["magnitude"] is not None:
                _set(one.magnitude, array(b["magnitude"]))
        if classifier:
            _set(adapter.head_weight(), array(weights["score"]["weight"]))
    form = PromptForm(run["promptTemplate"], run["labelSeparator"], run["specialTokens"], run["labelTokens"])
    encoder = PromptEncoder(
        form,
        AutoTokenizer.from_pretrained(str(model)),
        end_of_sequence(base.config.eos_token_id),
        labels if classifier else None,
        base.config.pad_token_id,
        labels,
    )
    return adapter, [encoder.encode(one) for one in read(questions)]


def _base_type(run: Mapping[str, Any]) -> torch.dtype:
    """What the run's base model was in; the Java trainer's is float32."""
    found = getattr(torch, run["settings"].get("baseType", "float32"), None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _set(weight: Tensor, values: Any, rows: list[int] | None = None) -> None:
    new = torch.tensor(values, dtype=weight.dtype, device=weight.device)
    if rows is None:
        weight.copy_(new)
    else:
        weight[rows] = new


def _differences(batch: int, measured: BatchStatistics, records: Mapping[str, Any]) -> list[Difference]:
    found = []
    for group in [*measured.groups, *([one] for one in measured.inputs)]:
        record = records.get(group[0].block)
        if record is None:
            if group[0].block.endswith(".last_input"):
                continue
            raise ValueError(f"batch {batch} must have a record of block {group[0].block}, got none")
        smalls = {record["block"]: record["small"], **{one["block"]: one["small"] for one in record["shared"]}}
        for block in group:
            small = array(smalls[block.block])
            found.append(
                _difference(batch, block.block, block.n, block.rows.values, block.small, record, array(record["rows"]), small)
            )
    return found


def _difference(
    batch: int, block: str, n: float, rows: Tensor, small: Tensor, said: Mapping[str, Any], r: Any, s: Any
) -> Difference:
    ours = rows.double().cpu().numpy()
    trace = float((ours * ours).sum())
    sent = float((r * r).sum())
    return Difference(
        batch,
        block,
        abs(n - said["n"]) / said["n"],
        abs(trace - said["trace"]) / max(said["trace"], 1e-300),
        _relative(small.cpu().numpy(), s),
        _relative(ours.T @ ours, r.T @ r),
        reduced=len(r) < len(ours) and abs(sent - said["trace"]) > 1e-4 * said["trace"],
    )


def _relative(ours: Any, theirs: Any) -> float:
    return float(numpy.linalg.norm(ours - theirs) / max(float(numpy.linalg.norm(theirs)), 1e-300))
