"""The records of a run: what goes to which topic under which key."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from calibrant.adapter import SCORE, LoraAdapter
from calibrant.capture import BatchStatistics, BlockStatistics

_VERSIONS = ("transformers", "torch")
# Settings that an older version did not write.
_NEWER = ("baseType",)


@dataclass(frozen=True)
class Outgoing:
    """A record on its way: topic without prefix, key, and value as the schema of the topic has it."""

    topic: str
    key: str
    value: Mapping[str, Any]
    bytes: int = 0


def tensor(values: Tensor, dtype: str) -> dict[str, Any]:
    """A tensor as records have it: row-major, little-endian."""
    host = values.detach().cpu().contiguous()
    if dtype == "BF16":
        data = host.to(torch.bfloat16).view(torch.int16).numpy().astype("<i2", copy=False).tobytes()
    elif dtype == "F64":
        data = host.double().numpy().astype("<f8", copy=False).tobytes()
    else:
        data = host.float().numpy().astype("<f4", copy=False).tobytes()
    return {"shape": list(values.shape), "dtype": dtype, "data": data}


def array(record: Mapping[str, Any]) -> numpy.ndarray[Any, Any]:
    """The numbers of a record's tensor, float64."""
    if record["dtype"] == "BF16":
        bits = numpy.frombuffer(record["data"], "<u2").astype("<u4") << 16
        flat = bits.view("<f4").astype(numpy.float64)
    else:
        flat = numpy.frombuffer(record["data"], "<f4" if record["dtype"] == "F32" else "<f8").astype(numpy.float64)
    shaped: numpy.ndarray[Any, Any] = flat.reshape(record["shape"])
    return shaped


@dataclass(frozen=True)
class Origin:
    """Whose statistics they are: run, checkpoint, and the process that sends them."""

    run: str
    checkpoint: str
    source: str
    epoch: int
    dtype: str = "F32"


@dataclass(frozen=True)
class BatchRange:
    """Which batch of a pass it is: ``expected`` is None while the pass has no end."""

    batch: int
    stride: int
    expected: int | None
    forgetting: float = 1.0


def statistics(
    origin: Origin,
    batches: BatchRange,
    measured: BatchStatistics,
    norms: Mapping[str, float],
    distances: Mapping[str, float] | None,
) -> Iterator[Outgoing]:
    """All records of a batch; blocks that read one input share a record under the name of the first."""
    groups = [*measured.groups, *([one] for one in measured.inputs)]
    inputs = {one.block for one in measured.inputs}
    for group in groups:
        first = group[0]
        rows = tensor(first.rows.values, "F32" if first.block in inputs else origin.dtype)
        value = {
            "runId": origin.run,
            "checkpoint": origin.checkpoint,
            "block": first.block,
            "batch": batches.batch,
            "batches": 1,
            "stride": batches.stride,
            "forgetting": batches.forgetting,
            "batchesExpected": batches.expected,
            "source": origin.source,
            "epoch": origin.epoch,
            "rows": rows,
            "small": tensor(first.small, "F64"),
            "n": first.n,
            "examples": measured.examples,
            "trace": float(first.rows.trace),
            "logLikelihood": measured.log_likelihood,
            "squaredNorm": norms.get(first.block, 0.0),
            "squaredDistance": None if distances is None else distances.get(first.block, 0.0),
            "shared": [_shared(one, norms, distances) for one in group[1:]],
        }
        yield Outgoing(
            "statistics",
            f"{origin.run}/{origin.checkpoint}/{first.block}",
            value,
            len(rows["data"]) + sum(8 * one.small.numel() for one in group) + 4096,
        )


def _shared(
    one: BlockStatistics, norms: Mapping[str, float], distances: Mapping[str, float] | None
) -> dict[str, Any]:
    return {
        "block": one.block,
        "small": tensor(one.small, "F64"),
        "squaredNorm": norms[one.block],
        "squaredDistance": None if distances is None else distances[one.block],
    }


def adapters(
    run: str, checkpoint: str, adapter: LoraAdapter, initial: Mapping[str, Tensor] | None
) -> Iterator[Outgoing]:
    """The weights of all blocks at a checkpoint, and the head of a classifier."""
    magnitudes = {f"{one.path}.lora_B": one.magnitude for one in adapter.maps if one.magnitude is not None}
    weights = dict(adapter.present_weights())
    if adapter.is_classifier:
        weights[SCORE] = adapter.head_weight()
    for block, weight in weights.items():
        length = magnitudes.get(block)
        before = None if initial is None else initial.get(block)
        value = {
            "runId": run,
            "checkpoint": checkpoint,
            "block": block,
            "weight": tensor(weight, "F32"),
            "initialWeight": None if before is None else tensor(before, "F32"),
            "magnitude": None if length is None else tensor(length, "F32"),
        }
        yield Outgoing("adapters", f"{run}/{checkpoint}/{block}", value, 8 * weight.numel() + 4096)


def progress(run: str, phase: str, source: str, **fields: Any) -> Outgoing:
    """How far a run is."""
    value = {"runId": run, "phase": phase, "source": source, "timestamp": int(1000 * time.time()), **fields}
    return Outgoing("progress", run, value)


def differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """The first setting in which two descriptions of a run differ, in words."""
    skipped = {"createdAt", "modelId", "trainingTexts", "generation"}
    for key, value in here.items():
        known = there.get(key, value)
        if key == "settings":  # another version may go on, and who goes on does not know the beginning
            both = sorted(
                name
                for name, said in value.items()
                if known.get(name) != said and name not in _VERSIONS and (name in known or name not in _NEWER)
            )
            if both:
                return f"{both[0]} is {_short(known.get(both[0]))} there and {_short(value[both[0]])} here"
            continue
        if key not in skipped and known != value:
            return f"{key} is {_short(known)} there and {_short(value)} here"
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:60] + "..."


def model_digest(directory: str | Path) -> str:
    """The digest of a base model's directory, or nothing where only Calibrant's own trainer can say it.

    That is where ``tokenizer_config.json`` decides which tokens begin or end a text, adds tokens, or says otherwise than
    ``tokenizer.json`` how one is matched.
    """
    path = Path(directory)
    config, settings = path / "config.json", path / "tokenizer_config.json"
    if not config.is_file():
        return ""
    ends = json.loads(config.read_text(encoding="utf-8")).get("eos_token_id")
    said = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    if (isinstance(ends, list) and len(ends) != 1) or ends is None:
        return ""
    if any(said.get(key) is not None for key in ("add_bos_token", "add_eos_token")):
        return ""
    tokenizer = path / "tokenizer.json"
    if tokenizer.is_file() and _changes_tokens(said, json.loads(tokenizer.read_text(encoding="utf-8"))):
        return ""
    files = [one for one in path.iterdir() if one.is_file() and _is_model_file(one.name)]
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        digest.update(file.name.encode() + b"\0")
        with file.open("rb") as content:
            while part := content.read(1 << 20):
                digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _changes_tokens(said: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Whether the settings name a token that is no added one, or declare one otherwise than the tokenizer has it."""
    known = {one["content"]: one for one in tokenizer.get("added_tokens") or ()}
    named = [said.get(f"{key}_token") for key in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
    for key in ("additional_special_tokens", "extra_special_tokens"):
        listed = said.get(key) or ()
        named += listed.values() if isinstance(listed, Mapping) else listed
    texts = {one.get("content") if isinstance(one, Mapping) else one for one in named} - {None, ""}
    for one in (said.get("added_tokens_decoder") or {}).values():
        text = one["content"]
        special = bool(one.get("special"))
        matched = {flag: bool(one.get(flag)) for flag in ("single_word", "lstrip", "rstrip")}
        matched |= {"normalized": one.get("normalized", not special), "special": special or text in texts}
        if text in known and any(known[text].get(flag, False) != value for flag, value in matched.items()):
            return True
        texts.add(text)
    return bool(texts - known.keys())


def _is_model_file(name: str) -> bool:
    return name in ("config.json", "tokenizer.json") or name.endswith(".safetensors")


def size(records: Iterable[Outgoing]) -> int:
    """About how many bytes they take."""
    return sum(one.bytes for one in records)
