"""The callback for transformers' Trainer and TRL's SFTTrainer."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import TrainerCallback

from calibrant.adapter import LoraAdapter, word
from calibrant.capture import IGNORED, LiveCapture
from calibrant.connection import Connection, ConnectionProblem, stored, words
from calibrant.curvature import CurvaturePass
from calibrant.prompts import TEXT, EncodedPrompt, PromptEncoder, PromptForm, class_tokens, end_of_sequence, padding
from calibrant.publishing import OnError, Publisher
from calibrant.questions import Question, check_name, question_key, read, training_texts, validation_records
from calibrant.records import (
    BatchRange,
    Origin,
    Outgoing,
    adapters,
    array,
    differing,
    model_digest,
    progress,
    statistics,
    tensor,
)

_LOG = logging.getLogger("calibrant")
_STEPS_PER_REPORT = 5
# Seconds that training waits at its start for a first word of Kafka.
_CONTACT = 15.0
_ENOUGH_FOR_NOISE = 20
_MOST_FOR_NOISE = 64
_MOST_EXACT_CLASSES = 8
# Of the time that processes wait for each other: one that waits for the broker for all of it ends the run.
_OF_DDP_TIMEOUT = 0.25

# Who publishes a source of a run in this process. A notebook makes a new callback where the former one's training was
# broken off.
_PUBLISHERS: weakref.WeakValueDictionary[tuple[str, str, str], Publisher] = weakref.WeakValueDictionary()


class CalibrantCallback(TrainerCallback):  # type: ignore[misc]
    """Publishes a LoRA fine-tune: live statistics, adapters at each save, and at the end curvature and validation.

    Args:
        connection: where Kafka and the registry are.
        run: names the run; stands for its settings.
        questions: the training questions, as ``calibrant.questions.read`` takes them, each with its answer. The
            curvature pass at the end is over these.
        validation: questions that were not trained on, with their answers. They calibrate the answers.
        form: how questions are asked: as in training. Of a sequence classifier the question alone by default.
        batch_size: questions of a batch of the curvature pass.
        every: live statistics of every so many steps, from the first; 0: of none.
        half_life: steps after which a batch counts half in the live factors; None: nothing is forgotten.
        kfac, fisher, rank: as ``calibrant train`` has them; ``rank`` None keeps and sends everything.
        dtype: how rows are sent, F32 or BF16.
        on_error: what becomes of records while the broker is away: training waits where the buffer is full (``wait``),
            live statistics are left out (``drop``), or training stops (``raise``). ``counts`` has what was sent. A
            curvature pass that fails, for want of memory for example, ends training with ``raise`` only.
        buffer_bytes: records that may wait to be sent.
        patience: seconds that the end of training waits without anything being sent, for a broker that is away; the
            time that it computes is not counted. None: as long as it takes.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        connection: Connection,
        run: str,
        questions: Any,
        validation: Any = (),
        *,
        form: PromptForm | None = None,
        batch_size: int = 4,
        every: int = 1,
        half_life: float | None = None,
        kfac: str = "EXPAND",
        fisher: str | None = None,
        rank: int | None = 10,
        dtype: str = "F32",
        on_error: OnError = "wait",
        buffer_bytes: int = 64_000_000,
        patience: float | None = 600.0,
        seed: int = 0,
    ) -> None:
        self.connection = connection
        self.run = check_name("run", run)
        self.questions: list[Question] = read(questions)
        self.validation: list[Question] = read(validation)
        if not self.questions:
            raise ValueError("questions must be one or more, got none")
        _require_answers([*self.questions, *self.validation])
        _one_of("kfac", kfac, ("EXPAND", "REDUCE", "LAST"))
        _one_of("dtype", dtype, ("F32", "BF16"))
        if fisher is not None:
            _one_of("fisher", fisher, ("EXACT", "MC", "EMPIRICAL"))
        if every < 0 or batch_size < 1 or (rank is not None and rank < 1) or (half_life is not None and half_life < 1):
            raise ValueError(
                "every must be 0 or more, batch_size, rank and half_life 1 or more, got"
                f" {every}, {batch_size}, {rank} and {half_life}"
            )
        if on_error not in ("wait", "drop", "raise"):
            raise ValueError(f"on_error must be 'wait', 'drop' or 'raise', got {on_error!r}")
        self.form = form
        self.batch_size = batch_size
        self.every = every
        self.half_life = half_life
        self.kfac = kfac
        self.fisher = fisher
        self.rank = rank
        self.dtype = dtype
        self.on_error: OnError = on_error
        self.buffer_bytes = buffer_bytes
        self.patience = patience
        self.seed = seed
        self.unusable = 0
        """Steps whose statistics could not be used."""
        self.failed = 0
        """Curvature passes that ended with an exception."""
        self._publisher: Publisher | None = None
        self._capture: LiveCapture | None = None
        self._initial: dict[str, Tensor] | None = None
        self._generation = 0
        self._loss: float | None = None
        self._reported = 0
        self._examples_before = 0  # of the steps that a training which is resumed has behind it
        self._mixed: torch.dtype | None = None
        self._reasons: set[str] = set()
        self._said_several = False
        self._given_up_at = -1  # records sent when training last gave up waiting for the broker
        self._most_wait: float | None = None

    @property
    def counts(self) -> dict[str, float]:
        """Records sent and dropped, seconds waited, steps without usable statistics, and failed passes."""
        publisher = self._publisher
        return {
            "sent": publisher.sent if publisher else 0,
            "dropped": publisher.dropped if publisher else 0,
            "waited": publisher.waited if publisher else 0.0,
            "unusable": self.unusable,
            "failed": self.failed,
        }

    # --- events of the Trainer ---------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Describes the run and puts the hooks in. Raises ``ValueError`` that names what is not supported."""
        _require_supported(args)
        self._source = f"{args.process_index}/{args.world_size}"
        self._index, self._count = int(args.process_index), int(args.world_size)
        self._stop()  # a training that failed, or is begun again with a smaller batch
        tokenizer = kwargs.get("processing_class") or kwargs.get("tokenizer")
        self._prepare(model, tokenizer, args)
        self._loss, self._reported, self._given_up_at = None, int(state.global_step), -1
        self._examples_before = _examples_of_steps(args, state, kwargs.get("train_dataloader"))
        self._mixed = _mixed_precision(args)
        self._most_wait = _OF_DDP_TIMEOUT * args.ddp_timeout if self._count > 1 else None
        self._epoch = int(1000 * time.time())
        # A run that is resumed asks the topics where it began.
        self._resumed = state.global_step > 0
        self._initial = None if self._resumed else self._adapter.snapshot()
        described = self._described(args, state)
        self._publisher = Publisher(
            self.connection,
            self.run,
            self._source,
            self.on_error,
            self.buffer_bytes,
            first=lambda: self._take_name(described),
            naming=self._named,
        )
        _PUBLISHERS[self._published_as()] = self._publisher
        self._described_run = described
        self._publisher.await_contact(_CONTACT)
        self._submit([Outgoing("runs", self.run, described)])
        self._capture = LiveCapture(self._adapter, self.kfac, self.rank, self.run)
        self._capture.install(measures=self.every > 0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Arms the hooks for a step that is sent."""
        if self._capture is None:
            return
        self._capture.next_micro_batch()
        if self.every and state.global_step % self.every == 0:
            self._capture.arm(self._live_batch(state.global_step), args.gradient_accumulation_steps)

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tells the hooks that another micro-batch comes."""
        if self._capture is not None:
            self._capture.next_micro_batch()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Takes the statistics of a step, at the weights before its update."""
        if self._capture is None or not self.every or state.global_step % self.every != 0:
            return
        measured = self._capture.take()
        self._loss = None
        if measured is None:
            self.unusable += 1
            trouble = str(self._capture.trouble)
            reason = re.sub(r"[\d.]+", "0", trouble)  # one of its kind is enough
            if reason not in self._reasons:
                self._reasons.add(reason)
                _LOG.warning("statistics of step %d cannot be used: %s", state.global_step, trouble)
            return
        if self._capture.several_labels and not self._said_several:
            self._said_several = True
            _LOG.warning("examples have several labels (SFTTrainer adds the end of sequence): live statistics are of all")
        self._loss = -measured.log_likelihood / max(1.0, measured.examples)
        gamma = 1.0 if self.half_life is None else math.pow(2, -self.every / (self.half_life * self._count))
        batches = BatchRange(self._live_batch(state.global_step), self._count, None, gamma)
        norms, distances = self._adapter.squared_norms(self._initial)
        origin = self._origin("live")
        self._submit(list(statistics(origin, batches, measured, norms, distances)))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Says how far training is."""
        step = state.global_step
        if self._publisher is None or self._capture is None:
            return
        # The loss is known of the steps that are measured: one that comes soon is waited for.
        until = 0 if self.every == 0 else (1 - step) % self.every
        early = step - self._reported < _STEPS_PER_REPORT or 0 < until < _STEPS_PER_REPORT
        if early and step != state.max_steps:
            return
        self._reported = step
        schedule = kwargs.get("lr_scheduler")
        report = progress(
            self.run,
            "FINE_TUNING",
            self._source,
            step=step,
            steps=state.max_steps,
            loss=self._loss if until == 0 else None,
            learningRate=None if schedule is None else float(schedule.get_last_lr()[0]),
            examples=self._examples_before + self._capture.rows,
        )
        self._submit([report])

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Publishes the adapter of a save, as checkpoint step-N."""
        if self._publisher is not None and self._index == 0:
            name = f"step-{state.global_step}"
            self._submit(list(adapters(self.run, name, self._adapter, self._initial)))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Publishes the adapter, measures the curvature and asks for validation."""
        if self._publisher is None:
            return
        self._unhook()
        patience: float | None = None
        try:
            self._finish(f"step-{_last_step(args, state)}")
            patience = 0.0  # it has waited for all that is not sent
        except _GivenUpError:
            patience = 0.0
            _LOG.warning("run %r is not all published: %s", self.run, self._publisher.problem or "the buffer is full")
        finally:
            self._publisher.part(patience)

    # --- what is published -------------------------------------------------------------------------------------------

    def _prepare(self, model: Any, tokenizer: Any, args: Any) -> None:
        first = LoraAdapter(model)
        base = first.base
        rows = None
        if first.is_classifier:
            names = base.config.id2label
            rows = [str(names[i]) for i in range(len(names))]
        form = self.form or (PromptForm(TEXT, special_tokens="ALWAYS") if rows else PromptForm())
        pad = base.config.pad_token_id
        if tokenizer is None:
            raise ValueError("processing_class must be the model's tokenizer, got None")
        encoder = PromptEncoder(form, tokenizer, end_of_sequence(base.config.eos_token_id), rows, pad)
        self._form = form
        self._prompts: list[EncodedPrompt] = [encoder.encode(one) for one in self.questions]
        validation = [encoder.encode(one) for one in self.validation]
        self._classes = class_tokens([*self._prompts, *validation], rows)
        self._adapter = LoraAdapter(model, [token for _, token in self._classes])
        self._pad = padding(pad)
        most = max(len(one.question.labels) for one in self._prompts)
        self._fisher = self.fisher or ("EXACT" if most <= _MOST_EXACT_CLASSES else "MC")

    def _published_as(self) -> tuple[str, str, str]:
        return self.connection.bootstrap_servers, self.connection.topic(self.run), self._source

    def _stop(self) -> None:
        self._unhook()
        for former in {self._publisher, _PUBLISHERS.pop(self._published_as(), None)}:
            if former is not None:
                former.part()

    def _unhook(self) -> None:
        if self._capture is not None:
            self._capture.remove()
            self._capture = None

    def _settings(self, args: Any, state: Any) -> dict[str, str]:
        """What decides the statistics: a run of this name with other ones is refused."""
        questions = hashlib.sha256()
        for one in self._prompts:
            said = [one.question.id, one.ids, one.label_tokens, one.question.answer]
            questions.update(json.dumps(said, ensure_ascii=False).encode() + b"\0")
        settings = {
            "trainer": "transformers",
            "steps": str(state.max_steps),
            "learningRate": str(args.learning_rate),
            "batchSize": str(args.per_device_train_batch_size * args.gradient_accumulation_steps),
            "weightDecay": str(args.weight_decay),
            "optimizer": word(args.optim),
            "schedule": word(args.lr_scheduler_type),
            "trainingSeed": str(args.seed),
            "processes": str(args.world_size),
            "questionsDigest": f"sha256:{questions.hexdigest()}",
            "curvatureBatchSize": str(self.batch_size),
            "statisticsEvery": str(self.every),
            "statisticsType": self.dtype,
            "halfLife": "none" if self.half_life is None else str(self.half_life),
            "validationQuestions": str(len(self.validation)),
            "baseType": str(self._adapter.base.dtype).removeprefix("torch."),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        }
        if self._initial is not None:
            weights = hashlib.sha256()
            for block, weight in self._initial.items():
                weights.update(block.encode() + b"\0" + tensor(weight, "F32")["data"])
            settings["adapterDigest"] = f"sha256:{weights.hexdigest()}"
        return settings

    def _described(self, args: Any, state: Any) -> dict[str, Any]:
        base = self._adapter.base
        place = str(getattr(base.config, "_name_or_path", ""))
        return {
            "runId": self.run,
            "createdAt": 0,
            "modelId": place.rstrip("/").rsplit("/", 1)[-1],
            "modelDigest": model_digest(place) if place else "",
            **self._adapter.run_fields(),
            "classTokens": [{"label": label, "tokenId": token} for label, token in self._classes],
            "promptTemplate": self._form.template,
            "maxLength": max(len(one.ids) for one in self._prompts),
            "kfac": self.kfac,
            "fisher": self._fisher,
            "rank": self.rank,
            "trainingQuestions": len(self.questions),
            "seed": self.seed,
            "settings": self._settings(args, state),
            "trainingTexts": training_texts(self.questions),
            "generation": 0,
            "labelSeparator": self._form.label_separator,
            "specialTokens": self._form.special_tokens,
            "labelTokens": self._form.label_tokens,
        }

    def _take_name(self, described: dict[str, Any]) -> None:
        """Whether the run's name is free, or stands for these settings; in the sending thread."""
        there, deleted = _published(self.connection, self.run)
        if there is not None:
            difference = differing(there, described)
            if difference is not None:
                raise ValueError(
                    f"run must be a new name, or have the settings it has on topic {self.connection.topic('runs')}, got"
                    f" {self.run!r} with other ones: {difference}"
                )
            described["settings"] = dict(there["settings"])
        self._generation = there["generation"] if there is not None else deleted
        described["generation"] = self._generation
        if self._resumed:
            initial = _initial_weights(self.connection, self.run, self._generation)
            weights = dict(self._adapter.present_weights())
            if weights.keys() <= initial.keys():
                self._initial = {name: initial[name].to(weight.device) for name, weight in weights.items()}
            else:
                _LOG.warning("run %r is resumed, and topic adapters does not say where it began", self.run)

    def _finish(self, name: str) -> None:
        if self._index == 0:
            self._submit(
                [
                    Outgoing("runs", self.run, self._described_run),
                    *adapters(self.run, name, self._adapter, self._initial),
                ],
                needed=True,
            )
        try:
            self._measure(name)
        except (_GivenUpError, ConnectionProblem):
            raise
        except Exception as problem:
            self.failed += 1
            if self.on_error == "raise":
                raise
            said = f"{type(problem).__name__}: {words(problem)[:300]}"
            _LOG.warning("the curvature pass of run %r has failed, training goes on: %s", self.run, said)
        if self._index == 0:
            self._ask()
        publisher = self._publisher
        assert publisher is not None
        if not publisher.flush(self.patience):
            _LOG.warning(
                "run %r is not all published, and nothing was for %s s: %s",
                self.run,
                self.patience,
                publisher.problem or publisher.failure or "slow broker",
            )

    def _measure(self, name: str) -> None:
        labels = [label for label, _ in self._classes]
        measuring = CurvaturePass(
            self._adapter,
            labels,
            kfac=self.kfac,
            fisher=self._fisher,
            rank=self.rank,
            run=self.run,
            random_seed=self.seed,
            pad=self._pad,
            mixed=self._mixed,
        )
        norms, distances = self._adapter.squared_norms(self._initial)
        batches = math.ceil(len(self._prompts) / self.batch_size)
        own = range(self._index, batches, self._count)
        likelihood = 0.0
        examples = 0
        for done, batch in enumerate(own, 1):
            some = self._prompts[batch * self.batch_size : (batch + 1) * self.batch_size]
            measured = measuring.measure(some, batch)
            likelihood += measured.log_likelihood
            examples += len(some)
            place = BatchRange(batch, self._count, batches)
            self._submit(list(statistics(self._origin(name), place, measured, norms, distances)), needed=True)
            if done % _STEPS_PER_REPORT == 0 or done == len(own):
                self._submit(
                    [
                        progress(
                            self.run,
                            "DONE" if done == len(own) else "CURVATURE",
                            self._source,
                            checkpoint=name,
                            step=done,
                            steps=len(own),
                            examples=examples,
                            logLikelihood=likelihood,
                            squaredNorm=sum(norms.values()),
                            squaredDistance=None if distances is None else sum(distances.values()),
                        )
                    ],
                    needed=True,
                )

    def _ask(self) -> None:
        """Validation questions with their labels; where they are few, training questions for the noise of a logit."""
        seen = {one.content() for one in self.questions}
        fresh = [one for one in self.validation if one.content() not in seen]
        if len(fresh) < len(self.validation):
            _LOG.warning(
                "%d of %d validation questions are training questions by their text: they are left out",
                len(self.validation) - len(fresh),
                len(self.validation),
            )
        records = [Outgoing(*one) for one in validation_records(self.run, fresh)]
        size = len(self.questions)
        count = min(_MOST_FOR_NOISE, size)
        if len(fresh) < _ENOUGH_FOR_NOISE <= len(fresh) + count:
            for i in range(count):
                one = self.questions[i * size // count]
                noise = {**one.record("NOISE", self.run), "questionId": f"noise-{one.id}"}
                records.append(Outgoing("questions", question_key(self.run, f"noise-{one.id}"), noise))
        if records:
            self._submit(records, needed=True)

    def _submit(self, records: Sequence[Outgoing], needed: bool = False) -> None:
        publisher = self._publisher
        assert publisher is not None
        patience: float | None = None
        if needed and self.on_error != "raise":
            patience = math.inf if self.patience is None else self.patience
        elif self.on_error == "wait" and self._most_wait is not None:
            # The other processes wait meanwhile, and not for ever.
            patience = 0.0 if publisher.sent == self._given_up_at else self._most_wait
        if publisher.submit(records, patience):
            return
        if needed:
            raise _GivenUpError
        if patience and publisher.failure is None:
            self._given_up_at = publisher.sent
            _LOG.warning("run %r: records are dropped after %.0f s, so that training goes on", self.run, patience)

    def _origin(self, checkpoint: str) -> Origin:
        return Origin(self.run, checkpoint, self._source, self._epoch, self.dtype)

    def _named(self, record: Outgoing) -> Outgoing:
        """As it goes out: a name that a deleted run had has other checkpoints, which is known once Kafka is there."""
        checkpoint = record.value.get("checkpoint")
        if self._generation == 0 or checkpoint is None:
            return record
        name = f"g{self._generation}.{checkpoint}"
        key_ = record.key.replace(f"{self.run}/{checkpoint}/", f"{self.run}/{name}/", 1)
        return Outgoing(record.topic, key_, {**record.value, "checkpoint": name}, record.bytes)

    def _live_batch(self, step: int) -> int:
        return step // self.every * self._count + self._index


class _GivenUpError(Exception):
    """The broker was away for longer than the end of training waits."""


def _published(connection: Connection, run: str) -> tuple[Mapping[str, Any] | None, int]:
    """What the topics say of a run: its newest description, and how many runs of this name were deleted."""
    there: Mapping[str, Any] | None = None
    deleted = 0
    for topic, _, record in stored(connection, ["runs", "progress"], run.__eq__):
        if topic == "runs":
            there = record
        elif record is not None and record.get("deleted") is not None:
            deleted = max(deleted, record["deleted"] + 1)
    return there, deleted


def _initial_weights(connection: Connection, run: str, generation: int) -> dict[str, Tensor]:
    """The weights that a run began with, by block, float32, as its adapters on the topics have them."""
    own = f"{run}/g{generation}." if generation else f"{run}/"
    found: dict[str, Tensor] = {}
    for _, _, record in stored(connection, ["adapters"], lambda name: name.startswith(own)):
        if record is not None and record["initialWeight"] is not None:
            found[record["block"]] = torch.from_numpy(array(record["initialWeight"])).float()
    return found


def _require_supported(args: Any) -> None:
    if getattr(args, "packing", False):
        raise ValueError("packing must be False, got True: examples in one row have no statistics of their own")
    if getattr(args, "padding_free", False):
        raise ValueError("padding_free must be False, got True: examples in one row have no statistics of their own")
    if getattr(args, "use_liger_kernel", False):
        raise ValueError("use_liger_kernel must be False, got True: it shows no logits")
    if getattr(args, "label_smoothing_factor", 0):
        raise ValueError(
            f"label_smoothing_factor must be 0, got {args.label_smoothing_factor}: the loss would be another one"
        )
    if getattr(args, "n_gpu", 1) > 1:
        raise ValueError("one process must have one GPU, or a device_map (start with torchrun), got DataParallel")
    _require_whole_weights(args)
    if getattr(args, "torch_compile", False):
        raise ValueError("torch_compile must be False, got True: hooks are compiled away")


def _require_whole_weights(args: Any) -> None:
    """Also where the configuration of ``accelerate launch`` shares them out, of which the arguments know nothing."""
    for name in ("fsdp", "deepspeed"):
        if getattr(args, name, None):
            raise ValueError(f"{name} must be left out, got {getattr(args, name)!r}: the weights are in pieces")
    if getattr(args, "deepspeed_plugin", None) is not None:
        raise ValueError("deepspeed must be left out, got it from accelerate's plugin: the weights are in pieces")
    kind = word(getattr(getattr(args, "distributed_state", None), "distributed_type", "NO"))
    for name in ("FSDP", "DEEPSPEED", "MEGATRON_LM", "TP"):
        if kind == name or os.environ.get(f"ACCELERATE_USE_{name}", "").lower() in ("true", "1", "yes", "on"):
            raise ValueError(
                f"{name.lower()} must be left out, got it from accelerate's configuration: the weights are in pieces"
            )
    shared = getattr(args, "parallelism_config", None)
    outside = shared is None and os.environ.get("ACCELERATE_USE_PARALLELISM_CONFIG", "").lower() == "true"
    for name in ("dp_shard_size", "tp_size", "cp_size", "sp_size"):
        found = os.environ.get(f"PARALLELISM_CONFIG_{name.upper()}") if outside else getattr(shared, name, None)
        if str(found or 1) != "1":
            raise ValueError(f"parallelism_config must have {name} 1, got {found}: weights or prompts are in pieces")


def _examples_of_steps(args: Any, state: Any, loader: Any) -> int:
    """Of this process, in the steps before this training; where the data have no length all of them count as full."""
    step, micros = int(state.global_step), int(args.gradient_accumulation_steps)
    if step == 0:
        return 0
    size = int(getattr(state, "train_batch_size", None) or args.per_device_train_batch_size)
    try:
        batches, rows = len(loader), len(loader.dataset)
    except (TypeError, AttributeError):
        return step * micros * size
    # Several processes have batches that are all full: Accelerate fills the last ones up.
    of_epoch = min(rows, batches * size) if args.world_size == 1 else batches * size
    epochs, more = divmod(step, max(1, math.ceil(batches / micros)))
    return epochs * of_epoch + more * micros * size


def _mixed_precision(args: Any) -> torch.dtype | None:
    """What a training computes in, where that is not the type of the weights."""
    if getattr(args, "bf16", False):
        return torch.bfloat16
    return torch.float16 if getattr(args, "fp16", False) else None


def _last_step(args: Any, state: Any) -> int:
    """The step whose weights the model has at the end."""
    if getattr(args, "load_best_model_at_end", False):
        saved = re.search(r"-(\d+)$", str(getattr(state, "best_model_checkpoint", None) or ""))
        if saved is not None:
            return int(saved[1])
    return int(state.global_step)


def _one_of(name: str, value: str, accepted: Sequence[str]) -> None:
    if value not in accepted:
        raise ValueError(f"{name} must be {', '.join(accepted[:-1])} or {accepted[-1]}, got {value!r}")


def _require_answers(questions: Sequence[Question]) -> None:
    for one in questions:
        if one.answer is None:
            raise ValueError(f"answer of question {one.id!r} must be one of its labels, got none")


def examples(
    questions: Any, tokenizer: Any, form: PromptForm | None = None, eos: int | list[int] | None = None
) -> list[dict[str, list[int]]]:
    """Questions as a data set of a causal model: the prompt that Calibrant asks, and its label behind it.

    ``labels`` are -100 but for the answer. ``eos``: the model's ``eos_token_id``; the tokenizer's own by default.
    """
    asked = read(questions)
    _require_answers(asked)
    end = end_of_sequence(eos)
    encoder = PromptEncoder(form or PromptForm(), tokenizer, tokenizer.eos_token_id if end is None else end)
    rows = []
    for one in asked:
        encoded = encoder.encode(one)
        said = encoded.label_tokens[encoded.question.labels.index(str(one.answer))]
        ids = [*encoded.ids, said]
        rows.append(
            {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [IGNORED] * len(encoded.ids) + [said]}
        )
    return rows


def collate(rows: Sequence[Mapping[str, list[int]]], pad: int = 0) -> dict[str, Tensor]:
    """A batch of ``examples``, padded at the right: a ``data_collator`` for Trainer."""
    longest = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": pad, "attention_mask": 0, "labels": IGNORED}
    return {
        name: torch.tensor([list(row[name]) + [value] * (longest - len(row[name])) for row in rows])
        for name, value in fill.items()
    }
