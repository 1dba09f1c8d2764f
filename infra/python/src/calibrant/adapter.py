"""The LoRA maps of a PEFT model: their paths, weights and blocks, as Calibrant names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn

HEAD = "lm_head"
SCORE = "score"
# Where the weights start from the base model that the scorer loads. For others PEFT changes that, too.
_BASE_KEPT = ("gaussian", "eva", "orthogonal", "mica")
# Options of PEFT that make another model than base and LoRA, or keep weights elsewhere: the scorer refuses them, too.
# PEFT itself takes fan_in_fan_out back over linear maps: where it stands the maps are Conv1D, whose models are refused.
_OTHER_MODELS = (
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
    "use_qalora",
    "use_bdlora",
    "fan_in_fan_out",
    "lora_bias",
)


@dataclass(frozen=True)
class LoraMap:
    """One adapted linear map: h = W0 x + s B (A x)."""

    path: str
    module: nn.Module
    a: nn.Linear
    b: nn.Linear
    scaling: float
    magnitude: Tensor | None

    @property
    def is_head(self) -> bool:
        """Whether it is the head over the vocabulary, of which only the class tokens' rows have a block."""
        return self.path == HEAD

    @property
    def rank(self) -> int:
        """r."""
        return int(self.a.weight.shape[0])

    @property
    def input_group(self) -> str:
        """A name for what it reads: q, k and v of a layer have one input, and so have gate and up."""
        name = re.sub(r"\.[qkv]_proj$", ".qkv", self.path)
        return re.sub(r"\.(gate|up)_proj$", ".gate_up", name)


class LoraAdapter:
    """The active LoRA adapter of a PEFT model.

    ``class_tokens`` are the token ids of the labels in the order of the run; of a sequence classifier they are not
    used. Raises ``ValueError`` that names what is not supported.
    """

    def __init__(self, model: Any, class_tokens: Sequence[int] = ()) -> None:
        if not isinstance(model, PeftModel):  # transformers' own add_adapter makes none
            raise ValueError(
                "model must be a PEFT model with a LoRA adapter, a PeftModel as get_peft_model makes it, got"
                f" {type(model).__name__}"
            )
        active = list(model.active_adapters)  # active_adapter keeps one name where more were set in the layers
        if len(active) != 1:
            raise ValueError(f"active_adapter must be one adapter, got {', '.join(active) or 'none'}")
        self.model = model
        self.name = str(active[0])
        self.config = model.peft_config[self.name]
        self.class_tokens = list(class_tokens)
        _require_supported(self.config)
        self.maps = list(self._maps())
        if not self.maps:
            raise ValueError("model must have LoRA maps, got none")
        self._require_the_rest_frozen()

    @property
    def base(self) -> Any:
        """The causal model or sequence classifier that PEFT wraps."""
        return self.model.get_base_model()

    @property
    def caller(self) -> nn.Module:
        """The module inside PEFT's and Accelerate's wrappers whose output has the logits of the loss."""
        caller: nn.Module = self.model.base_model
        return caller

    @property
    def is_classifier(self) -> bool:
        """Whether labels are rows of a head, and no tokens."""
        return word(self.config.task_type) == "SEQ_CLS"

    @cached_property
    def groups(self) -> dict[str, list[LoraMap]]:
        """Maps that read one input, by its name."""
        found: dict[str, list[LoraMap]] = {}
        for one in self.maps:
            found.setdefault(one.input_group, []).append(one)
        return found

    @cached_property
    def attention(self) -> list[tuple[str, nn.Module]]:
        """The attention modules of all layers in their order, by path; empty where the model has them otherwise."""
        pattern = re.compile(r"^(.*\.layers\.(\d+)\.self_attn)$")
        found = [(name, module) for name, module in self.base.named_modules() if pattern.match(name)]
        layers = getattr(self.base.config, "num_hidden_layers", None)
        return found if len(found) == layers else []

    def head_weight(self) -> Tensor:
        """The weight of a sequence classifier's head, [K, D]."""
        head = getattr(self.base, SCORE, None)
        saved = getattr(head, "modules_to_save", None)
        own = saved[self.name] if saved is not None and self.name in saved else head
        weight = getattr(own, "weight", None)
        if not isinstance(weight, Tensor):
            raise ValueError(f"a sequence classifier must have a head {SCORE}, got {type(self.base).__name__} without")
        return weight.detach()

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of the weights of all blocks where they are, float32."""
        return {name: weight.to(torch.float32, copy=True) for name, weight in self.present_weights()}

    def present_weights(self) -> Iterator[tuple[str, Tensor]]:
        """The weights of all blocks where they are, [outputs, inputs], not copied, in the blocks' order."""
        for one in self.maps:
            yield f"{one.path}.lora_A", one.a.weight.detach()
            yield f"{one.path}.lora_B", self.b_rows(one)

    def b_rows(self, one: LoraMap) -> Tensor:
        """The rows of lora_B that have a block: of the head those of the class tokens alone."""
        b = one.b.weight.detach()
        return b[self.class_tokens] if one.is_head else b

    def outputs(self, one: LoraMap) -> int:
        """How many these are."""
        return len(self.class_tokens) if one.is_head else int(one.b.weight.shape[0])

    def squared_norms(self, initial: dict[str, Tensor] | None) -> tuple[dict[str, float], dict[str, float] | None]:
        """||theta||^2 of every block, and ||theta - theta_0||^2 where theta_0 is known. One wait for the device."""
        names, norms, distances = [], [], []
        for name, weight in self.present_weights():
            names.append(name)
            norms.append(torch.linalg.vector_norm(weight, dtype=torch.float64).square())
            if initial is not None:
                moved = weight.float() - initial[name].to(weight.device)
                distances.append(torch.linalg.vector_norm(moved, dtype=torch.float64).square())
        squared = dict(zip(names, _numbers(norms), strict=True))
        return squared, None if initial is None else dict(zip(names, _numbers(distances), strict=True))

    def blocks(self) -> list[dict[str, Any]]:
        """The blocks for the run's record."""
        blocks = []
        for one in self.maps:
            blocks.append(_block(f"{one.path}.lora_A", one.rank, int(one.a.weight.shape[1]), "INPUT"))
            blocks.append(_block(f"{one.path}.lora_B", self.outputs(one), one.rank, "GRADIENT"))
        return blocks

    def inputs(self) -> list[dict[str, Any]]:
        """The one-sided blocks of familiarity for the run's record."""
        width = int(self.base.get_input_embeddings().weight.shape[1])
        return [_block(f"{path}.last_input", 1, width, "INPUT") for path, _ in self.attention]

    def saved_weights(self) -> list[dict[str, Any]]:
        """The head of a sequence classifier for the run's record."""
        if not self.is_classifier:
            return []
        rows, width = self.head_weight().shape
        return [_block(SCORE, int(rows), int(width), "INPUT")]

    def run_fields(self) -> dict[str, Any]:
        """What the run's record says of the adapter."""
        rank, scaling = int(self.config.r), self._common_scaling()
        return {
            "taskType": "SEQ_CLS" if self.is_classifier else "CAUSAL_LM",
            "loraRank": rank,
            "loraAlpha": scaling * rank,
            "loraDropout": float(self.config.lora_dropout),
            "loraTargets": [one.path for one in self.maps],
            "scalings": {
                one.path: one.scaling for one in self.maps if one.rank != rank or one.scaling != scaling
            },
            "blocks": self.blocks(),
            "savedWeights": self.saved_weights(),
            "inputs": self.inputs(),
        }

    def _common_scaling(self) -> float:
        rank = int(self.config.r)
        alpha = float(self.config.lora_alpha)
        return alpha / rank**0.5 if self.config.use_rslora else alpha / rank

    def _require_the_rest_frozen(self) -> None:
        """What is trained and not on topic adapters the scorer would not know of."""
        known = {id(weight) for one in self.maps for weight in (one.a.weight, one.b.weight, one.magnitude)}
        for name, weight in self.base.named_parameters():
            other = "lora_" in name and f".{self.name}." not in name  # of an adapter that is not active
            head = self.is_classifier and name.startswith(f"{SCORE}.")
            if weight.requires_grad and id(weight) not in known and not other and not head:
                raise ValueError(f"parameters outside of the adapter must be frozen, got {name} with requires_grad")

    def _maps(self) -> Iterator[LoraMap]:
        for path, module in self.base.named_modules():
            a = getattr(module, "lora_A", None)
            if not isinstance(a, nn.ModuleDict) or self.name not in a:
                if getattr(module, "lora_embedding_A", None):
                    raise ValueError(f"target_modules must be linear maps, got the embedding {path}")
                continue
            own, b = a[self.name], module.lora_B[self.name]
            if not isinstance(own, nn.Linear) or not isinstance(b, nn.Linear):
                raise ValueError(f"target_modules must be linear maps, got {path}, a {type(module).__name__}")
            if b.bias is not None:
                raise ValueError(f"lora_bias must be False, got True at {path}")
            if own.weight.is_meta or b.weight.is_meta:
                raise ValueError(f"device_map must have the adapter's maps on devices, got {path} away")
            if any(hasattr(weight, "full_tensor") or weight.dim() != 2 for weight in (own.weight, b.weight)):
                raise ValueError(f"the adapter's weights must be whole in every process, got {path} in pieces")
            magnitude = getattr(module, "lora_magnitude_vector", None)
            length = magnitude[self.name].weight if magnitude is not None and self.name in magnitude else None
            yield LoraMap(path, module, own, b, float(module.scaling[self.name]), length)


def word(option: Any) -> str:
    """An option as text, whether it is given as that or as an enumeration's constant."""
    return str(getattr(option, "value", option))


def _numbers(values: list[Tensor]) -> list[float]:
    """Numbers of devices on the host; one wait for each device."""
    found: list[float] = torch.stack([value.to(values[0].device) for value in values]).tolist()
    return found


def _block(name: str, outputs: int, inputs: int, side: str) -> dict[str, Any]:
    return {"name": name, "outputs": outputs, "inputs": inputs, "largeSide": side}


def _require_supported(config: Any) -> None:
    kind, task = word(config.peft_type), word(config.task_type)
    if kind != "LORA":
        raise ValueError(f"peft_type must be LORA, got {kind}")
    if task not in ("CAUSAL_LM", "SEQ_CLS"):
        raise ValueError(f"task_type must be CAUSAL_LM or SEQ_CLS, got {task}")
    if config.bias != "none":
        raise ValueError(f"bias must be 'none', got {config.bias!r}")
    for name in _OTHER_MODELS:
        if getattr(config, name, None):
            raise ValueError(f"{name} must be left out, got {getattr(config, name)!r}")
    started = config.init_lora_weights
    if started is not None and not isinstance(started, bool) and str(started).lower() not in _BASE_KEPT:
        raise ValueError(
            "init_lora_weights must leave the base model as it is (True, False or one of"
            f" {', '.join(_BASE_KEPT)}), got {started!r}"
        )
    saved = set(config.modules_to_save or ()) - ({SCORE, "classifier"} if task == "SEQ_CLS" else set())
    if saved:
        raise ValueError(f"modules_to_save must be left out, or {SCORE} of a classifier alone, got {sorted(saved)}")
