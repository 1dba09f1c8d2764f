"""Inputs and output gradients of LoRA maps, from the passes that training makes anyway.

B batch, T tokens, D width, r LoRA rank, k factor rank, K classes, V vocabulary.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from calibrant.adapter import LoraAdapter, LoraMap
from calibrant.reduction import QUICK, FactorRows, reduce_all, seed, stacked

# Gradients that are rounded to bfloat16 are off by this much at most.
_ROUNDING = 0.03
# A gradient p - 1 in float32 is off by so much, a few units of the last place: by all of it where a label is nearly
# certain.
_SATURATED = 1e-6
# Forward passes of a step, for each of its micro-batches: a step that was broken off does not count the later ones.
_PASSES = 4
# Rows wait for others of their shape until they have so many bytes: products of several blocks at once cost less than
# one after the other, on a processor and far more so on a GPU.
_WAITING = 64_000_000
IGNORED = -100
"""The label of tokens that no loss is of, in transformers."""


@dataclass(frozen=True)
class BlockStatistics:
    """What a batch adds to the two sides of a block: rows of the large one, the sum [r, r] of the small one."""

    block: str
    rows: FactorRows
    small: Tensor
    n: float


@dataclass(frozen=True)
class BatchStatistics:
    """What a batch says of every block. ``groups`` has blocks with the same rows together."""

    groups: list[list[BlockStatistics]]
    inputs: list[BlockStatistics]
    examples: float
    log_likelihood: float


class TokenRows:
    """Which rows of [B, T, D] enter the sums, under one convention (method.md section 2)."""

    def __init__(self, kfac: str, mask: Tensor, last: Tensor, chosen: Tensor | None = None) -> None:
        """``mask`` [B, T] has the real tokens, ``last`` [B] where each prompt ends.

        ``chosen`` [examples] are the rows that are examples; the mask of the others is empty. None: all are.
        """
        self._kfac = kfac
        self._shape = mask.shape
        self._mask = mask
        self._last = last
        self._chosen = chosen
        self._real: Tensor | None = None
        self.count = mask.shape[0] if chosen is None else chosen.numel()
        if kfac == "EXPAND":
            real = mask.reshape(-1).nonzero().squeeze(1)
            self.count = real.numel()
            self._real = None if real.numel() == mask.numel() else real
        self._devices: dict[torch.device, TokenRows] = {mask.device: self}

    def on(self, device: torch.device) -> TokenRows:
        """The same on another device."""
        if device not in self._devices:
            chosen = None if self._chosen is None else self._chosen.to(device)
            self._devices[device] = TokenRows(self._kfac, self._mask.to(device), self._last.to(device), chosen)
        return self._devices[device]

    def inputs(self, x: Tensor) -> Tensor:
        """Rows [n, D] of an input [B, T, D]; under REDUCE the mean over real tokens."""
        return self._rows(x, mean=True)

    def gradients(self, g: Tensor) -> Tensor:
        """Rows [n, D] of an output gradient [B, T, D]; under REDUCE the sum over real tokens."""
        return self._rows(g, mean=False)

    def ends(self, x: Tensor) -> Tensor:
        """The rows [examples, D] at the ends of the prompts."""
        if x.shape[1] == 1:
            return x[:, 0] if self._chosen is None else x[self._chosen, 0]
        if self._chosen is None:
            return x[torch.arange(x.shape[0], device=x.device), self._last]
        return x[self._chosen, self._last[self._chosen]]

    def _rows(self, array: Tensor, mean: bool) -> Tensor:
        if self._kfac == "LAST":
            return self.ends(array)
        if self._kfac == "EXPAND":
            flat = array.reshape(-1, array.shape[-1])
            return flat if self._real is None else flat.index_select(0, self._real)
        array = wide(array)  # a mean in bfloat16 would be off by its rounding
        weights = self._mask.to(array.dtype)
        if self._chosen is not None:
            weights, array = weights[self._chosen], array[self._chosen]
        if mean:
            weights = weights / weights.sum(1, keepdim=True)
        return torch.einsum("bt,btd->bd", weights, array)


def prompt_ends(said: Tensor) -> tuple[Tensor, Tensor]:
    """Where each prompt ends [B], and where the last label is said [B].

    ``said`` [B, T - 1] has the tokens whose next one has a label. -1 for a row without any.
    """
    steps = torch.arange(said.shape[1], device=said.device)
    first = torch.where(said, steps, said.shape[1]).min(1).values
    last = torch.where(said, steps, -1).max(1).values
    return torch.where(last < 0, last, first), last


def last_real(mask: Tensor) -> Tensor:
    """The place of the last real token of each row [B]."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask.bool(), steps, -1).max(1).values


def small_side(rows: Tensor) -> Tensor:
    """The sum of outer products, float64 [r, r]."""
    wide = rows.double()
    return wide.T @ wide


def projected(weight: Tensor, rows: Tensor) -> Tensor:
    """The small side of rows [n, D] that go through a map weight [r, D], float64 [r, r]."""
    return small_side((weight @ rows.T).T)


def wide(array: Tensor) -> Tensor:
    """float32, or float64 where it is that."""
    return array if array.dtype == torch.float64 else array.float()


@contextlib.contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Products are of the precision of their factors: a training's autocast holds for its own."""
    if torch.is_autocast_enabled(device.type):
        with torch.autocast(device.type, enabled=False):
            yield
    else:
        yield


@dataclass(frozen=True)
class Loss:
    """What the gradient of the logits says of a loss; numbers [1] on the device.

    ``scale`` stands before p - e, ``misfit`` is the share of the gradient that is anything else.
    """

    scale: Tensor
    misfit: Tensor
    log_likelihood: Tensor

    def facts(self) -> Tensor:
        """All three, on the host."""
        return torch.stack([self.scale, self.misfit, self.log_likelihood]).cpu()


class WaitingRows:
    """Rows of large sides that are reduced with others of their shape. For several threads."""

    def __init__(self, rank: int | None) -> None:
        self._rank = rank
        self._lock = threading.Lock()
        self._rows: dict[tuple[Any, ...], list[tuple[Tensor, int, Callable[[FactorRows], None]]]] = {}
        self._bytes = 0

    def add(self, rows: Tensor, drawn: int, take: Callable[[FactorRows], None]) -> None:
        """Rows [m, d], which nobody may change until ``take`` is called with what they are reduced to."""
        with self._lock:
            self._rows.setdefault((rows.device, rows.dtype, rows.shape), []).append((rows, drawn, take))
            self._bytes += rows.nbytes
            full = self._bytes > _WAITING
        if full:
            self.reduce()

    def reduce(self) -> None:
        """Reduces all that wait."""
        with self._lock:
            groups, self._rows, self._bytes = list(self._rows.values()), {}, 0
        for group in groups:
            with torch.no_grad(), exactly(group[0][0].device):
                rows, drawn, takers = zip(*group, strict=True)
                for take, reduced in zip(takers, reduce_all(rows, self._rank, QUICK, drawn), strict=True):
                    take(reduced)


class Backward:
    """What one forward and backward pass shows: a micro-batch of a step."""

    def __init__(self, rows: TokenRows, ends: TokenRows, places: tuple[Tensor, Tensor] | None) -> None:
        self.rows = rows
        self.ends = ends  # one an example
        self.places = places  # of the labels: rows and tokens; None: the ends of the prompts
        self.labels: Tensor | None = None
        self.seen: set[str] = set()  # blocks and inputs whose rows came
        self.large: dict[str, FactorRows] = {}
        self.small: dict[str, Tensor] = {}
        self.last_inputs: dict[str, Tensor] = {}
        # Of the loss, once its gradient was seen: dL/dz = scale (p - e).
        self.loss: Loss | None = None
        self._inputs: tuple[str, Tensor] | None = None

    def input_rows(self, one: LoraMap, x: Tensor, first: bool) -> Tensor:
        """Rows [n, D] of the input of a map [B, T, D]: those of the map before, where it is not the first to read it."""
        if first or self._inputs is None or self._inputs[0] != one.input_group or self._inputs[1].device != x.device:
            rows = wide((self.ends if one.is_head else self.rows).on(x.device).inputs(x))
            self._inputs = (one.input_group, rows)
        return self._inputs[1]


# The newest capture of a model, for as long as its hooks are there.
_INSTALLED: weakref.WeakKeyDictionary[nn.Module, weakref.ref[LiveCapture]] = weakref.WeakKeyDictionary()


class LiveCapture:
    """EMPIRICAL statistics of the steps that it is armed for, from their own backward passes.

    Hooks keep reduced rows, and for a while the rows themselves: those of inputs are reduced in the forward pass,
    gradients when they come, several blocks at a time. With
    gradient checkpointing a forward pass is made twice, and its second time, within the backward pass, is passed over.
    The scale of the loss (mean over tokens, accumulation of gradients, a GradScaler, several processes) is read off the
    gradient of the logits, which is scale (p - e) where the loss is the cross-entropy of the labels.
    """

    def __init__(self, adapter: LoraAdapter, kfac: str, rank: int | None, run: str) -> None:
        self._adapter = adapter
        self._kfac = kfac
        self._rank = rank
        self._run = run
        self._handles: list[Any] = []
        self._waiting = WaitingRows(rank)
        self._batch: int | None = None
        self._now: Backward | None = None
        self._micros: list[Backward] = []
        self._most = _PASSES
        self._counted = False
        self.rows = 0
        """Rows of all micro-batches since it was installed: of each those of its first forward pass."""
        self.trouble: str | None = None
        self.several_labels = False
        """Whether an example had more than one label, for example the end of sequence behind it."""

    def install(self, measures: bool = True) -> None:
        """Puts the hooks in, and takes out those that a training which was broken off has left in this model.

        ``measures``: whether it will be armed; else it counts rows alone.
        """
        former = _INSTALLED.get(self._adapter.base)
        left = None if former is None else former()
        if left is not None:
            left.remove()
        _INSTALLED[self._adapter.base] = weakref.ref(self)
        caller = self._adapter.caller
        self._handles.append(caller.register_forward_pre_hook(self._count, with_kwargs=True))
        if not measures:
            return
        self._handles.append(caller.register_forward_pre_hook(self._begin, with_kwargs=True))
        self._handles.append(caller.register_forward_hook(self._end))
        for one in self._adapter.maps:
            self._handles.append(one.module.register_forward_pre_hook(self._input_hook(one)))
            self._handles.append(one.b.register_forward_hook(self._output_hook(one)))
        for path, module in self._adapter.attention:
            self._handles.append(module.register_forward_pre_hook(self._attention_hook(path), with_kwargs=True))

    def next_micro_batch(self) -> None:
        """The next forward pass is of other examples."""
        self._counted = False

    def remove(self) -> None:
        """Takes the hooks out."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._forget()

    def arm(self, batch: int, micro_batches: int = 1) -> None:
        """The next passes are those of this batch, which has so many micro-batches."""
        self._forget()
        self._batch, self.trouble = batch, None
        self._most = _PASSES * micro_batches

    def take(self) -> BatchStatistics | None:
        """The statistics since it was armed; none where nothing usable came, and then ``trouble`` says why."""
        batch, micros = self._batch, self._micros
        self._waiting.reduce()
        self._forget()
        seen = [(one, one.loss) for one in micros if one.loss is not None]
        if batch is None or not seen:
            self.trouble = self.trouble or "no backward pass of the model was seen"
            return None
        if not any(now.ends.count for now, _ in seen):
            self.trouble = f"no example has a label: all are {IGNORED}, or were cut off"
            return None
        missing = [name for name in self._adapter.groups if any(name not in now.seen for now, _ in seen)]
        if missing:
            self.trouble = f"the model did not call its map {missing[0]}"
            return None
        facts = torch.stack([loss.facts() for _, loss in seen])
        if not bool(facts.isfinite().all()):
            self.trouble = "gradients or logits are not finite"
            return None
        if float(facts[:, 1].max()) > _ROUNDING:
            self.trouble = (
                "the loss must be the cross-entropy of the labels, over the vocabulary or over the run's labels, and of"
                f" the labels alone: its gradient is another one by {float(facts[:, 1].max()):.0%}"
            )
            return None
        statistics = self._sum(batch, seen, facts)
        if not _finite(statistics):
            self.trouble = "inputs or gradients are not finite"
            return None
        return statistics

    # --- hooks -------------------------------------------------------------------------------------------------------

    def _watches(self, module: nn.Module) -> bool:
        return self._batch is not None and module.training and not _in_backward()

    def _count(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._counted or not module.training or not torch.is_grad_enabled() or _in_backward():
            return
        given = _given_ids(args, kwargs)
        if given is not None:
            self._counted = True
            self.rows += int(given.shape[0])

    def _begin(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._watches(module):
            return
        # A pass without gradients, for a metric, is none of the step.
        self._now = self._micro(args, kwargs) if torch.is_grad_enabled() else None
        if self._now is not None:
            self._micros.append(self._now)
        if len(self._micros) > self._most:
            self.trouble = f"the step has more than {self._most} forward passes"
            self._forget()

    def _forget(self) -> None:
        self._batch, self._now, self._micros = None, None, []
        self._waiting = WaitingRows(self._rank)

    def _micro(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Backward:
        ids = _given_ids(args, kwargs)
        if ids is None:
            raise ValueError("the model must be called with input_ids or inputs_embeds, got neither")
        shape = ids.shape[:2]
        given = kwargs.get("attention_mask")
        mask = torch.ones(shape, dtype=torch.bool, device=ids.device) if given is None else given.bool()
        require_unpacked(kwargs, mask)
        labels = kwargs.get("labels")
        last = last_real(mask)
        places = None
        chosen = None
        if labels is not None and not self._adapter.is_classifier:
            said = labels[:, 1:] != IGNORED
            ends, end = prompt_ends(said)
            # A prompt without a label has no gradient, and is no example.
            labelled = end >= 0
            mask = mask & (torch.arange(shape[1], device=mask.device) <= end[:, None])
            last = torch.where(labelled, ends, last)
            row, step = said.nonzero(as_tuple=True)
            places = (row, step)
            several = said.sum(1)
            begins = mask.int().argmax(1)  # the first real token; a prompt has one before its label
            if bool((labelled & (ends <= begins) & (several > 2)).any()):
                raise ValueError(
                    "labels must be those of the answer alone, -100 elsewhere (TRL: completion_only_loss=True), got"
                    " labels from the first token on"
                )
            self.several_labels |= bool((several > 1).any())
            if not bool(labelled.all()):
                chosen = labelled.nonzero().squeeze(1)
                mask = mask & labelled[:, None]
        micro = Backward(TokenRows(self._kfac, mask, last, chosen), TokenRows("LAST", mask, last, chosen), places)
        if places is not None and labels is not None:
            micro.labels = labels[:, 1:][places]
        elif labels is not None:
            micro.labels = labels.reshape(-1)
        return micro

    def _input_hook(self, one: LoraMap) -> Callable[..., None]:
        first = self._adapter.groups[one.input_group][0] is one

        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            now = self._now
            if now is None or not self._watches(module) or getattr(module, "disable_adapters", False):
                return
            x = args[0].detach()
            with torch.no_grad(), exactly(x.device):
                rows = now.input_rows(one, x, first)
                if first:
                    self._reduce(now, rows, one.input_group)
                now.small[f"{one.path}.lora_B"] = projected(wide(one.a.weight.detach()), rows)

        return hook

    def _output_hook(self, one: LoraMap) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
            now = self._now
            # DoRA also runs the identity through, of two dimensions; a pass that is recomputed has its hook already.
            if now is None or self._batch is None or not module.training or output.dim() < 3:
                return
            if output.requires_grad:
                _on_gradient(output, lambda gradient: self._gradient(now, one, gradient))

        return hook

    def _gradient(self, now: Backward, one: LoraMap, gradient: Tensor) -> None:
        name = f"{one.path}.lora_B"
        if name in now.seen or self._batch is None:
            return
        g = gradient.detach()
        with torch.no_grad(), exactly(g.device):
            if one.is_head:
                g = now.ends.on(g.device).ends(g)[:, self._adapter.class_tokens]
            elif self._kfac == "EXPAND" and self._rank is not None and now.rows.count > 2 * self._rank:
                g = g.reshape(-1, g.shape[-1])  # zeros, of padding, need not be left out where rows are reduced
            else:
                g = now.rows.on(g.device).gradients(g)
            g = wide(g)
            self._reduce(now, g, name)
            now.small[f"{one.path}.lora_A"] = projected(wide(self._adapter.b_rows(one)).T, g)

    def _reduce(self, now: Backward, rows: Tensor, name: str) -> None:
        now.seen.add(name)
        self._waiting.add(rows, seed(self._run, self._batch, name), lambda reduced: now.large.update({name: reduced}))

    def _attention_hook(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            now = self._now
            if now is not None and self._watches(module):
                x = attention_input(args, kwargs).detach()
                now.last_inputs[path] = now.ends.on(x.device).ends(x).float()

        return hook

    def _end(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        now = self._now
        if now is None or not self._watches(module):
            return
        logits = getattr(output, "logits", None)
        log_p = getattr(output, "log_probs", None)
        if not isinstance(logits, Tensor) and isinstance(log_p, Tensor) and log_p.requires_grad:
            likelihood = log_p.detach().double().sum()
            _on_gradient(log_p, lambda gradient: self._fused_loss(now, likelihood, gradient))
            return
        if not isinstance(logits, Tensor):
            self.trouble = "the model must return logits or log_probs (use_liger_kernel must be False), got neither"
            return
        if not logits.requires_grad:
            return
        rows = self._label_rows(now, logits).detach().float()
        _on_gradient(
            logits,
            lambda gradient: self._loss(
                now, rows, self._label_rows(now, gradient), torch.linalg.vector_norm(gradient.detach().float())
            ),
        )

    def _label_rows(self, now: Backward, logits: Tensor) -> Tensor:
        """[labels, V] of [B, T, V]; of a sequence classifier [B, K] as it is."""
        if logits.dim() == 2:
            return logits
        if now.places is None:
            return now.ends.on(logits.device).ends(logits)
        row, step = (place.to(logits.device) for place in now.places)
        return logits[row, step]

    def _loss(self, now: Backward, z: Tensor, gradient: Tensor, whole: Tensor) -> None:
        """Scale and log-likelihood of the loss, by least squares over the vocabulary, else over the labels.

        ``whole`` is the norm of all of the logits' gradient: what is at other tokens is another loss.
        """
        if now.loss is not None:
            return
        with torch.no_grad():
            g = gradient.detach().double()
            # The label is where the gradient is below zero.
            y = g.argmin(1) if now.labels is None else now.labels.to(g.device)
            size = whole.double()
            fits = [_fit(z.double(), g, y, size)]
            if self._adapter.class_tokens and not self._adapter.is_classifier:
                outside = torch.ones(z.shape[1], dtype=torch.bool, device=z.device)
                outside[self._adapter.class_tokens] = False
                hidden = outside | (g == 0)
                hidden[torch.arange(len(y), device=g.device), y] = False
                fits.append(_fit(z.double().masked_fill(hidden, -torch.inf), g, y, size))
            best = fits[0]
            for other in fits[1:]:
                better = other.misfit < best.misfit
                best = Loss(
                    torch.where(better, other.scale, best.scale),
                    torch.where(better, other.misfit, best.misfit),
                    torch.where(better, other.log_likelihood, best.log_likelihood),
                )
            if now.labels is None:  # a gradient of 0 is not that of saturated labels: there are none to be seen
                nothing = torch.where(size > 0, best.misfit, torch.ones_like(size))
                best = Loss(best.scale, nothing, best.log_likelihood)
            now.loss = best

    def _fused_loss(self, now: Backward, likelihood: Tensor, gradient: Tensor) -> None:
        """Of a head that gives log p of the labels alone, as TRL's: the gradient by it is -scale at every label."""
        if now.loss is None:
            g = gradient.detach().double()
            g = g[g != 0]
            scale = -g.mean() if len(g) else torch.ones_like(likelihood)
            misfit = torch.linalg.vector_norm(g + scale) / torch.linalg.vector_norm(g).clamp_min(1e-300)
            now.loss = Loss(scale, misfit, likelihood)

    # --- sums --------------------------------------------------------------------------------------------------------

    def _sum(self, batch: int, done: list[tuple[Backward, Loss]], facts: Tensor) -> BatchStatistics:
        """The sum over the micro-batches of a step, whose weights are the same. ``facts`` [micro-batches, 3]."""
        scales, ones = facts[:, 0], torch.ones(len(done), dtype=torch.float64)
        groups = []
        for group, maps in self._adapter.groups.items():
            lora_a = []
            lora_b = []
            rows = self._stacked(batch, group, done, int(maps[0].a.weight.shape[1]), gradients=False)
            for one in maps:
                a, b = f"{one.path}.lora_A", f"{one.path}.lora_B"
                n = float(sum((now.ends if one.is_head else now.rows).count for now, _ in done))
                lora_a.append(BlockStatistics(a, rows, self._small(a, done, one.rank, scales), n))
                own = self._stacked(batch, b, done, self._adapter.outputs(one), gradients=True)
                lora_b.append([BlockStatistics(b, own, self._small(b, done, one.rank, ones), n)])
            groups += [lora_a, *lora_b]
        examples = float(sum(now.ends.count for now, _ in done))
        inputs = []
        for path, _ in self._adapter.attention:
            values = torch.cat([now.last_inputs[path].cpu() for now, _ in done])
            inputs.append(one_sided(f"{path}.last_input", values))
        return BatchStatistics(groups, inputs, examples, float(facts[:, 2].sum()))

    def _stacked(
        self, batch: int, name: str, done: list[tuple[Backward, Loss]], width: int, gradients: bool
    ) -> FactorRows:
        parts = [
            rows.times(1 / loss.scale.to(rows.values.device)) if gradients else rows
            for now, loss in done
            if (rows := now.large.get(name)) is not None
        ]
        if not parts:  # no gradient came to it
            return FactorRows(torch.zeros(0, width), torch.zeros((), dtype=torch.float64))
        return stacked(parts, self._rank, seed(self._run, batch, "step", name))

    def _small(self, name: str, done: list[tuple[Backward, Loss]], size: int, scales: Tensor) -> Tensor:
        total = torch.zeros(size, size, dtype=torch.float64)
        for (now, _), scale in zip(done, scales, strict=True):
            small = now.small.get(name)
            if small is not None:
                total += small.cpu() / scale**2
        return total


def one_sided(name: str, rows: Tensor) -> BlockStatistics:
    """An input for familiarity: a row an example, none reduced; its small side counts them."""
    values = rows.float()
    count = float(len(values))
    trace = torch.linalg.vector_norm(values, dtype=torch.float64).square()
    return BlockStatistics(name, FactorRows(values, trace), torch.tensor([[count]], dtype=torch.float64), count)


def attention_input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """What the attention maps of a layer read."""
    found: Tensor = args[0] if args else kwargs["hidden_states"]
    return found


def _given_ids(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """What a model is given, [B, T] or [B, T, D]."""
    ids: Tensor | None = kwargs.get("input_ids")
    found: Tensor | None = ids if ids is not None else kwargs.get("inputs_embeds", args[0] if args else None)
    return found


def require_unpacked(kwargs: Mapping[str, Any], mask: Tensor) -> None:
    """Refuses batches that have several examples in one row.

    Raises ``ValueError`` that names packing.
    """
    positions = kwargs.get("position_ids")
    packed = any(kwargs.get(key) is not None for key in ("cu_seq_lens_q", "cu_seqlens", "seq_idx"))
    given = kwargs.get("attention_mask")
    if isinstance(given, Tensor) and given.dim() == 2 and given.dtype in (torch.int32, torch.int64):
        packed = packed or bool((given > 1).any())  # some collators number the examples of a row
    if not packed and isinstance(positions, Tensor) and positions.dim() == 2 and positions.shape == mask.shape:
        both = mask[:, 1:] & mask[:, :-1]
        packed = bool(((positions[:, 1:] <= positions[:, :-1]) & both).any())
    if packed:
        raise ValueError("packing must be False (and padding_free), got several examples in one row")


def _fit(z: Tensor, g: Tensor, y: Tensor, whole: Tensor) -> Loss:
    """Least squares of g = scale (p - e), where g is a part of a gradient with the norm ``whole``."""
    log_p = torch.log_softmax(z, 1)
    own = log_p.gather(1, y[:, None]).squeeze(1)
    expected = log_p.exp()
    expected.scatter_add_(1, y[:, None], torch.full_like(y[:, None], -1, dtype=expected.dtype))
    square = expected.square().sum()
    scale = torch.where(square > 0, (expected * g).sum() / square.clamp_min(1e-300), torch.ones_like(square))
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    elsewhere = (whole.square() - g.square().sum()).clamp_min(0)
    left = ((g - scale * expected).square().sum() + elsewhere).sqrt()
    left = (left - _SATURATED * len(y) ** 0.5 * scale.abs()).clamp_min(0)
    misfit = left / whole.clamp_min(1e-300)
    return Loss(scale, torch.where(whole > 0, misfit, torch.zeros_like(misfit)), own.sum())


def _finite(statistics: BatchStatistics) -> bool:
    """Whether all numbers are; one wait for those of each kind."""
    large = [group[0].rows for group in (*statistics.groups, *([one] for one in statistics.inputs))]
    small = [block.small for group in statistics.groups for block in group]
    alike: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for array in (*(rows.values for rows in large), *(rows.trace for rows in large), *small):
        alike.setdefault((array.device, array.dtype), []).append(array.reshape(-1))
    return all(bool(torch.cat(arrays).isfinite().all()) for arrays in alike.values())


def _on_gradient(array: Tensor, hook: Callable[[Tensor], None]) -> None:
    array.register_hook(hook)  # type: ignore[no-untyped-call]


def _in_backward() -> bool:
    """Whether this is run by autograd: a forward pass is then a second one, of gradient checkpointing."""
    return bool(torch._C._current_graph_task_id() != -1)
