"""Questions to prompts, token ids and class tokens, as Calibrant's scorer makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from calibrant.questions import Choice, Question

PAPER = (
    "{{#trueFalse}}Answer the question with only True or False: {{{question}}}"
    "{{#context}} Context: {{{context}}}{{/context}}{{{eos_token}}}{{/trueFalse}}"
    "{{^trueFalse}}Select one of the choices that answers the following question:"
    " {{{question}}}{{#context}} Context: {{{context}}}{{/context}}"
    " Choices:{{#choices}} {{{label}}}. {{{text}}}{{/choices}} Answer:{{/trueFalse}}"
)
"""The two forms of the paper (Yang et al. 2024, arXiv 2308.13111), which are the default."""

TEXT = "{{{question}}}"
"""The question alone, how sequence classifiers are asked."""

_TAG = re.compile(r"\{\{\{\s*([\w.]+)\s*\}\}\}|\{\{\s*([#^/&!]?)\s*([^{}]*?)\s*\}\}")
_NAMES = {"question", "context", "choices", "label", "text", "trueFalse", "bos_token", "eos_token", "."}

_Part = str | tuple[str, str, list[Any]]


class Template:
    """The part of Mustache that prompts need: variables and sections. Nothing is escaped."""

    def __init__(self, text: str) -> None:
        if "{{=" in text or "{{>" in text:
            raise ValueError("prompt template must have no partials and no other delimiters")
        self.names: set[str] = set()
        root: list[Any] = []
        stack: list[tuple[str, list[Any]]] = [("", root)]
        at = 0
        for tag in _TAG.finditer(text):
            before = text[at : tag.start()]
            at = tag.end()
            kind, name = (tag[2] or "", tag[1] or tag[3])
            # A line that holds nothing but a section's tag, or a comment, is none of the text.
            if kind in ("#", "^", "/", "!"):
                line = before.rpartition("\n")[2] if "\n" in before or tag.start() == len(before) else "-"
                after = re.match(r"[ \t]*(\r?\n|$)", text[at:])
                if not line.strip(" \t") and after and (after[1] or at + after.end() == len(text)):
                    before = before[: len(before) - len(line)]
                    at += after.end()
            if before:
                stack[-1][1].append(before)
            if kind == "!":
                continue
            if name not in _NAMES:
                raise ValueError(
                    f"prompt template must use the names {', '.join(sorted(_NAMES - {'.'}))}, got {name!r}"
                )
            self.names.add(name)
            if kind in ("#", "^"):
                inner: list[Any] = []
                stack[-1][1].append((kind, name, inner))
                stack.append((name, inner))
            elif kind == "/":
                if stack[-1][0] != name:
                    raise ValueError(f"prompt template must close what it opened last, got {tag[0]}")
                stack.pop()
            else:
                stack[-1][1].append(("", name, []))
        if len(stack) > 1:
            raise ValueError(f"prompt template must close section {stack[-1][0]}")
        if text[at:]:
            root.append(text[at:])
        self._root = root

    def render(self, question: Question, bos: str = "", eos: str = "") -> str:
        """The prompt of a question."""
        return self._render(
            self._root,
            [
                {
                    "question": question.question,
                    "context": question.context or "",
                    "choices": [{"label": one.label, "text": one.text} for one in question.choices],
                    "trueFalse": question.is_true_false,
                    "bos_token": bos,
                    "eos_token": eos,
                }
            ],
        )

    def _render(self, parts: Sequence[_Part], scopes: list[Any]) -> str:
        out = []
        for part in parts:
            if isinstance(part, str):
                out.append(part)
                continue
            kind, name, inner = part
            value = self._value(name, scopes)
            if kind == "":
                if not isinstance(value, str):
                    raise ValueError(f"{name} must be a section of the prompt template, got a variable")
                out.append(value)
            elif kind == "^":
                out.append("" if value else self._render(inner, scopes))
            elif isinstance(value, list):
                out += [self._render(inner, [*scopes, one]) for one in value]
            elif value:
                out.append(self._render(inner, [*scopes, value]))
        return "".join(out)

    @staticmethod
    def _value(name: str, scopes: list[Any]) -> Any:
        if name == ".":
            return scopes[-1]
        for scope in reversed(scopes):
            if isinstance(scope, Mapping) and name in scope:
                return scope[name]
        return ""


@dataclass(frozen=True)
class PromptForm:
    """How a run asks its questions; an adapter is asked as it was trained."""

    template: str = PAPER
    label_separator: str | None = None
    special_tokens: str = "AUTO"
    label_tokens: str = "ONE"

    def __post_init__(self) -> None:
        Template(self.template)
        if self.special_tokens not in ("AUTO", "ALWAYS", "NEVER"):
            raise ValueError(f"special_tokens must be AUTO, ALWAYS or NEVER, got {self.special_tokens!r}")
        if self.label_tokens not in ("ONE", "FIRST"):
            raise ValueError(f"label_tokens must be ONE or FIRST, got {self.label_tokens!r}")


@dataclass(frozen=True)
class EncodedPrompt:
    """A question as tokens; ``label_tokens`` is the token of each choice, or its row of a classifier's head."""

    question: Question
    ids: list[int]
    label_tokens: list[int]


class PromptEncoder:
    """From questions to token ids with a tokenizer of transformers.

    ``rows``: the labels of a sequence classifier in the order of its head; None where labels are tokens. ``eos``: the
    end of sequence, where the model names one.
    """

    def __init__(
        self,
        form: PromptForm,
        tokenizer: Any,
        eos: int | None,
        rows: Sequence[str] | None = None,
        pad: int | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        self._form = form
        self._template = Template(form.template)
        self._tokenizer = tokenizer
        self._eos = eos
        self._rows = None if rows is None else list(rows)
        self._pad = pad
        self._labels = list(rows if rows is not None else labels)
        self._bos_text = tokenizer.bos_token or ""
        self._eos_text = "" if eos is None else str(tokenizer.convert_ids_to_tokens(eos))
        probe = self._plain("question")
        around = list(tokenizer("question", add_special_tokens=True).input_ids)
        start = next((i for i in range(len(around)) if around[i : i + len(probe)] == probe), 0)
        self._prefix = around[:start]
        self._suffix = around[start + len(probe) :]
        if self._suffix and rows is None:
            raise ValueError(
                "the tokenizer must add nothing behind a text (add_eos_token must be False): the model would be asked"
                f" after the end, got {self._suffix}"
            )

    def encode(self, question: Question) -> EncodedPrompt:
        """The prompt's ids and the labels' tokens. Raises ``ValueError`` that names question and label."""
        if not question.choices and self._labels:
            question = replace(question, choices=tuple(map(Choice, self._labels)))
        if not question.choices:
            raise ValueError(f"choices of question {question.id!r} must be 2 to 256, got none")
        own = question.prompt or self._template.render(question, self._bos_text, self._eos_text)
        by_name = not question.prompt and "eos_token" in self._template.names and bool(self._eos_text)
        by_name = by_name and own.endswith(self._eos_text)
        plain = self._plain(own[: -len(self._eos_text)]) + [self._eos or 0] if by_name else self._plain(own)
        adds = self._form.special_tokens == "ALWAYS" or (
            self._form.special_tokens == "AUTO" and not (self._prefix and plain[: len(self._prefix)] == self._prefix)
        )
        if self._rows is not None:
            ids = [*self._prefix, *plain, *self._suffix] if adds else plain
            while len(ids) > 1 and ids[-1] == self._pad:
                ids = ids[:-1]
            return EncodedPrompt(question, ids, [self._row(question, label) for label in question.labels])
        said = self._continuations(question, own, plain, by_name)
        start = _common_start(said)
        tokens = []
        for label, one in zip(question.labels, said, strict=True):
            if len(one) == start or (len(one) > start + 1 and self._form.label_tokens == "ONE"):
                raise ValueError(
                    f"label {label!r} of question {question.id!r} must be exactly one token of this model, got {len(one)}"
                )
            if one[start] in tokens:
                raise ValueError(f"labels of question {question.id!r} must be different tokens, got {label!r} as another")
            tokens.append(one[start])
        return EncodedPrompt(question, [*(self._prefix if adds else []), *plain, *said[0][:start]], tokens)

    def _row(self, question: Question, label: str) -> int:
        rows = self._rows or []
        if label not in rows:
            raise ValueError(f"label of question {question.id!r} must be one of {', '.join(rows)}, got {label!r}")
        return rows.index(label)

    def _continuations(self, question: Question, text: str, plain: list[int], by_name: bool) -> list[list[int]]:
        """Per choice the tokens that continue the prompt when its label is said."""
        paper = not question.prompt and self._form.template == PAPER
        separator = self._separator(question, text, plain, by_name, paper)
        # In the paper's form the end of sequence changes nothing of its labels: they are said as after the text before.
        if by_name and paper:
            text, plain = text[: -len(self._eos_text)], plain[:-1]
        elif by_name:
            plain = self._plain(text)
        said = []
        for label in question.labels:
            whole = self._plain(text + separator + label)
            if len(whole) > len(plain) and whole[: len(plain)] == plain:
                said.append(whole[len(plain) :])
                continue
            alone = self._plain(separator + label)
            if separator != " " or len(alone) != 1:
                raise ValueError(
                    f"label {label!r} of question {question.id!r} must continue its prompt with tokens of its own, got"
                    f" one that becomes a token together with its end {text[-20:]!r}"
                )
            said.append(alone)
        return said

    def _separator(self, question: Question, text: str, plain: list[int], by_name: bool, paper: bool) -> str:
        if self._form.label_separator is not None:
            return self._form.label_separator
        if paper:
            return " "
        if text.endswith("\n") or by_name or (plain and plain[-1] in self._tokenizer.all_special_ids):
            return ""
        if text[-1:].isspace():
            raise ValueError(
                f"the prompt of question {question.id!r} must not end with a space, got {text[-20:]!r}: leave it out, it"
                " is put before the label (else set label_separator)"
            )
        return " "

    def _plain(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)


def class_tokens(prompts: Iterable[EncodedPrompt], rows: Sequence[str] | None = None) -> list[tuple[str, int]]:
    """Every label of a run with its token, sorted by label; of a classifier in the order of its rows."""
    if rows is not None:
        return list(zip(rows, range(len(rows)), strict=True))
    found: dict[str, int] = {}
    for prompt in prompts:
        for label, token in zip(prompt.question.labels, prompt.label_tokens, strict=True):
            if found.setdefault(label, token) != token:
                raise ValueError(
                    f"label {label!r} of question {prompt.question.id!r} must be token {found[label]}, as in the run's"
                    f" other prompts, got {token}: the prompts end in different ways"
                )
    if len(set(found.values())) < len(found):
        raise ValueError(f"labels must be different tokens of this model, got {found}")
    return sorted(found.items(), key=lambda one: one[0].encode("utf-16-be"))


def end_of_sequence(eos: int | Sequence[int] | None) -> int | None:
    """The token that prompts are ended with, of those that a configuration names."""
    if eos is None or isinstance(eos, int):
        return eos
    return eos[0] if eos else None


def padding(pad: int | None) -> int:
    """A token to pad with: the configuration's, where it names one."""
    return pad if isinstance(pad, int) and pad >= 0 else 0


def _common_start(said: list[list[int]]) -> int:
    """What all begin with while each goes on."""
    start = len(said[0]) - 1
    for other in said:
        same = next((i for i, (a, b) in enumerate(zip(said[0], other, strict=False)) if a != b), len(said[0]))
        start = min(start, len(other) - 1, same)
    return max(0, start)
