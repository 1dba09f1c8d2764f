"""The curvature of questions at fixed weights: EXACT, MC or EMPIRICAL K-FAC sums (method.md sections 1 and 2)."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from calibrant.adapter import LoraAdapter, LoraMap
from calibrant.capture import (
    BatchStatistics,
    BlockStatistics,
    TokenRows,
    attention_input,
    exactly,
    one_sided,
    projected,
    wide,
)
from calibrant.prompts import EncodedPrompt
from calibrant.reduction import THOROUGH, FactorRows, reduce, seed, stacked, uniform

_LOG = logging.getLogger("calibrant")


class CurvaturePass:
    """Measures batches of questions in evaluation mode. ``classes``: every label of the run, in its order.

    ``mixed`` is the type of a training's mixed precision: a model that runs within that alone (an attention of two
    bytes over weights of four, for example) is measured within it, and this is said once.
    """

    def __init__(
        self,
        adapter: LoraAdapter,
        classes: Sequence[str],
        *,
        kfac: str = "EXPAND",
        fisher: str = "EXACT",
        rank: int | None = 10,
        run: str = "",
        random_seed: int = 0,
        pad: int = 0,
        mixed: torch.dtype | None = None,
    ) -> None:
        self._adapter = adapter
        self._classes = list(classes)
        self._kfac = kfac
        self._fisher = fisher
        self._rank = rank
        self._run = run
        self._seed = random_seed
        self._pad = pad
        self._mixed = mixed
        self._within = False  # whether the model is called within mixed precision
        self._most: float = math.inf  # questions that the device's memory is enough for

    def measure(self, prompts: Sequence[EncodedPrompt], batch: int) -> BatchStatistics:
        """The statistics of a batch of labelled questions, in the precision of the weights.

        The model is left in the mode that it was in. A batch that the memory is not enough for is measured in parts.
        """
        model = self._adapter.model
        was_training = model.training
        model.eval()
        try:
            with exactly(self._device):
                return self._in_parts(prompts, batch)
        finally:
            model.train(was_training)

    def _in_parts(self, prompts: Sequence[EncodedPrompt], batch: int) -> BatchStatistics:
        if len(prompts) <= self._most:
            try:
                return self._as_it_runs(prompts, batch)
            except torch.OutOfMemoryError:
                if len(prompts) == 1:
                    raise
            self._most = (len(prompts) + 1) // 2  # after the exception, which holds the pass that was too large
            _LOG.warning("memory is too small for %d questions at once: they are measured in halves", len(prompts))
        half = (len(prompts) + 1) // 2
        return self._added([self._in_parts(some, batch) for some in (prompts[:half], prompts[half:])], batch)

    def _as_it_runs(self, prompts: Sequence[EncodedPrompt], batch: int) -> BatchStatistics:
        """In the precision of the weights where the model does so, else in that of training."""
        if self._mixed is None or self._within:
            return self._measure(prompts, batch)
        try:
            return self._measure(prompts, batch)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as problem:
            said = " ".join(str(problem).split())[:200]
        self._within = True  # after the exception, which holds the pass
        try:
            found = self._measure(prompts, batch)
        except Exception:
            self._within = False
            raise
        _LOG.warning(
            "the curvature pass is in mixed precision (%s), since the model does not run in that of its weights: %s",
            str(self._mixed).removeprefix("torch."),
            said,
        )
        return found

    def _added(self, parts: Sequence[BatchStatistics], batch: int) -> BatchStatistics:
        groups = []
        for own in zip(*(part.groups for part in parts), strict=True):
            rows = self._stacked([group[0] for group in own], self._rank, batch)
            groups.append([self._block(same, rows) for same in zip(*own, strict=True)])
        last = zip(*(part.inputs for part in parts), strict=True)
        inputs = [self._block(same, self._stacked(same, None, batch)) for same in last]
        likelihood = sum(part.log_likelihood for part in parts)
        return BatchStatistics(groups, inputs, sum(part.examples for part in parts), likelihood)

    def _stacked(self, same: Sequence[BlockStatistics], rank: int | None, batch: int) -> FactorRows:
        return stacked([one.rows for one in same], rank, seed(self._run, batch, "parts", same[0].block))

    def _block(self, same: Sequence[BlockStatistics], rows: FactorRows) -> BlockStatistics:
        small = torch.stack([one.small for one in same]).sum(0)
        return BlockStatistics(same[0].block, rows, small, sum(one.n for one in same))

    def _measure(self, prompts: Sequence[EncodedPrompt], batch: int) -> BatchStatistics:
        ids, mask = self._padded(prompts)
        seen: dict[str, Tensor] = {}
        outputs: dict[str, Tensor] = {}
        last_inputs: dict[str, Tensor] = {}
        last = mask.sum(1) - 1
        ends = TokenRows("LAST", mask.bool(), last)
        rows = TokenRows(self._kfac, mask.bool(), last)
        places = [self._places(prompt) for prompt in prompts]
        frozen = [one.b.weight for one in self._adapter.maps if not one.b.weight.requires_grad]
        for weight in frozen:
            weight.requires_grad_(True)
        try:
            with self._hooks(seen, outputs, last_inputs, ends), torch.enable_grad():  # type: ignore[no-untyped-call]
                with self._precision():
                    z = self._logits(ids, mask, ends)
                probabilities = _probabilities(z, places)
                labels = [prompt.question.labels.index(_answer(prompt)) for prompt in prompts]
                passes = self._cotangents(z, probabilities, places, prompts, labels)
                maps = [one for one in self._adapter.maps if one.path in outputs]
                gradients: dict[str, list[Tensor]] = {one.path: [] for one in maps}
                for i, (cotangent, active) in enumerate(passes):
                    found = torch.autograd.grad(
                        z,
                        [outputs[one.path] for one in maps],
                        grad_outputs=cotangent,
                        retain_graph=i < len(passes) - 1,
                        allow_unused=True,
                    )
                    for one, gradient in zip(maps, found, strict=True):
                        full = torch.zeros_like(outputs[one.path]) if gradient is None else gradient
                        own = ends if one.is_head else rows
                        gradients[one.path].append(self._rows_of(one, full, own, active))
        finally:
            for weight in frozen:
                weight.requires_grad_(False)
        groups = self._groups(seen, gradients, rows, ends, batch)
        inputs = [one_sided(f"{path}.last_input", last_inputs[path].cpu()) for path, _ in self._adapter.attention]
        likelihood = sum(float(p[label].log()) for p, label in zip(probabilities, labels, strict=True))
        return BatchStatistics(groups, inputs, float(len(prompts)), likelihood)

    def _rows_of(self, one: LoraMap, gradient: Tensor, rows: TokenRows, active: Tensor) -> Tensor:
        """Rows of the examples that take part in a pass; the others' are zero and change no sum but the count."""
        own = rows.on(gradient.device)
        g = wide(gradient.detach())
        found = own.gradients(g)
        if one.is_head:
            found = found[:, self._adapter.class_tokens]
        if bool(active.all()):
            return found
        kept = active.to(g.device)
        if self._kfac == "EXPAND" and not one.is_head:
            kept = own.gradients(kept[:, None, None].expand(*g.shape[:2], 1)).squeeze(1)
        return found[kept]

    def _groups(
        self,
        seen: dict[str, Tensor],
        gradients: dict[str, list[Tensor]],
        rows: TokenRows,
        ends: TokenRows,
        batch: int,
    ) -> list[list[BlockStatistics]]:
        groups = []
        for group, maps in self._adapter.groups.items():
            of = ends if maps[0].is_head else rows
            x = wide(of.on(seen[maps[0].path].device).inputs(seen[maps[0].path]))
            large = self._reduce(x, batch, group)
            n = float(of.count)
            lora_a = []
            lora_b = []
            for one in maps:
                g = torch.cat(gradients[one.path])
                a = wide(one.a.weight.detach())
                small_a = projected(wide(self._adapter.b_rows(one)).T, g).cpu()
                small_b = projected(a, x.to(a)).cpu()
                name = f"{one.path}.lora_B"
                lora_a.append(BlockStatistics(f"{one.path}.lora_A", large, small_a, n))
                lora_b.append([BlockStatistics(name, self._reduce(g, batch, name), small_b, n)])
            groups += [lora_a, *lora_b]
        return groups

    def _reduce(self, rows: Tensor, batch: int, name: str) -> FactorRows:
        return reduce(rows, self._rank, THOROUGH, seed(self._run, batch, name))

    # --- the pass ----------------------------------------------------------------------------------------------------

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        """That of the forward pass; sums are always in float32."""
        if not self._within:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=self._mixed)

    @property
    def _device(self) -> torch.device:
        found: torch.device = self._adapter.base.get_input_embeddings().weight.device
        return found

    def _padded(self, prompts: Sequence[EncodedPrompt]) -> tuple[Tensor, Tensor]:
        """Ids and mask [B, T], padded at the right: no real token sees what comes after it."""
        longest = max(len(prompt.ids) for prompt in prompts)
        ids = torch.tensor([prompt.ids + [self._pad] * (longest - len(prompt.ids)) for prompt in prompts])
        mask = torch.tensor([[1] * len(prompt.ids) + [0] * (longest - len(prompt.ids)) for prompt in prompts])
        return ids.to(self._device), mask.to(self._device)

    def _logits(self, ids: Tensor, mask: Tensor, ends: TokenRows) -> Tensor:
        """Logits of the run's classes at the ends of the prompts, [B, K]; the head sees nothing else."""
        model = self._adapter.caller  # a training's mixed precision is in the forward method of what is around it
        if self._adapter.is_classifier:
            logits: Tensor = model(input_ids=ids, attention_mask=mask).logits
            return logits
        head = self._adapter.base.get_output_embeddings()

        def only_ends(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            x = args[0]
            return (ends.on(x.device).ends(x)[:, None], *args[1:])

        handle = head.register_forward_pre_hook(only_ends, prepend=True)
        try:
            out = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        finally:
            handle.remove()
        classes = torch.tensor(self._adapter.class_tokens, device=out.device)
        selected: Tensor = out[:, 0].index_select(1, classes)
        return selected

    @contextlib.contextmanager
    def _hooks(
        self, seen: dict[str, Tensor], outputs: dict[str, Tensor], last_inputs: dict[str, Tensor], ends: TokenRows
    ) -> Iterator[None]:
        handles: list[Any] = []

        def watch(one: LoraMap) -> None:
            def into(module: nn.Module, args: tuple[Any, ...]) -> None:
                seen[one.path] = args[0].detach()

            def out(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
                if output.dim() == 3:  # DoRA runs the identity through, too
                    outputs[one.path] = output

            handles.append(one.module.register_forward_pre_hook(into))
            handles.append(one.b.register_forward_hook(out))

        def attend(path: str, module: nn.Module) -> None:
            def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                x = attention_input(args, kwargs).detach()
                last_inputs[path] = ends.on(x.device).ends(x).float()

            handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

        for one in self._adapter.maps:
            watch(one)
        for path, module in self._adapter.attention:
            attend(path, module)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _places(self, prompt: EncodedPrompt) -> list[int]:
        return [self._classes.index(label) for label in prompt.question.labels]

    def _cotangents(
        self,
        z: Tensor,
        probabilities: list[Tensor],
        places: list[list[int]],
        prompts: Sequence[EncodedPrompt],
        labels: list[int],
    ) -> list[tuple[Tensor, Tensor]]:
        """Where backward passes start: [B, K] each, and which questions take part in it."""
        if self._fisher == "EXACT":
            count = max(len(p) for p in probabilities) - 1
            columns = [[_cholesky_column(p, i) for i in range(len(p) - 1)] for p in probabilities]
        else:
            count = 1
            said = labels
            if self._fisher == "MC":
                said = [self._drawn(p, prompt) for p, prompt in zip(probabilities, prompts, strict=True)]
            columns = [[p - nn.functional.one_hot(torch.tensor(y), len(p))] for p, y in zip(probabilities, said, strict=True)]
        passes = []
        for i in range(count):
            cotangent = torch.zeros(z.shape, dtype=torch.float64)
            active = torch.tensor([i < len(column) for column in columns])
            for b, column in enumerate(columns):
                if i < len(column):
                    cotangent[b, places[b]] = column[i]
            passes.append((cotangent.to(z), active))
        return passes

    def _drawn(self, probabilities: Tensor, prompt: EncodedPrompt) -> int:
        """A label from the model's own probabilities; which batch the question is in plays no part."""
        return drawn_label(probabilities, self._seed, prompt.question.id)


def drawn_label(probabilities: Tensor, random_seed: int, question_id: str) -> int:
    """Which of the labels the MC Fisher takes of a question, by its place; float64 [labels]."""
    u = uniform("label", random_seed, question_id)
    return min(int((probabilities.cumsum(0) <= u).sum()), len(probabilities) - 1)


def _probabilities(z: Tensor, places: list[list[int]]) -> list[Tensor]:
    """Of each question over its own choices, float64 on the host."""
    host = z.detach().double().cpu()
    return [torch.softmax(row[own], 0) for row, own in zip(host, places, strict=True)]


def _cholesky_column(p: Tensor, i: int) -> Tensor:
    """Column i of the Cholesky factor of diag(p) - p p^T in closed form (Tanabe and Sagae 1992)."""
    after = float(p[i + 1 :].sum())
    column = torch.zeros_like(p)
    if after > 0:
        whole = float(p[i]) + after
        column[i] = (p[i] * after / whole).sqrt()
        column[i + 1 :] = -p[i + 1 :] * (p[i] / whole / after).sqrt()
    return column


def _answer(prompt: EncodedPrompt) -> str:
    if prompt.question.answer is None:
        raise ValueError(f"answer of question {prompt.question.id!r} must be one of its labels, got none")
    return prompt.question.answer
