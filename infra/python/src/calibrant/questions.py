"""Questions as files, data frames and topics have them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_WHITE_SPACE = re.compile(r"\s+", re.ASCII)
# What Java's String.strip takes away: no-break spaces stay.
_STRIPPED = "".join(
    chr(c)
    for c in [*range(9, 14), *range(0x1C, 0x21), 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200B), 0x2028, 0x2029]
    + [0x205F, 0x3000]
)
_MOST_TEXTS = 100_000


@dataclass(frozen=True)
class Choice:
    """One choice: the label is what the model says next, the text what it stands for."""

    label: str
    text: str = ""


@dataclass(frozen=True)
class Question:
    """A question with 2 to 256 choices. ``prompt`` is asked verbatim; without one the run's template makes it."""

    id: str
    question: str = ""
    choices: tuple[Choice, ...] = ()
    context: str | None = None
    answer: str | None = None
    prompt: str | None = field(default=None)

    def __post_init__(self) -> None:
        if not self.id.strip():
            raise ValueError(f"id must be a text that is not blank, got {self.id!r}")
        if not self.prompt and not self.question.strip():
            raise ValueError(f"question of {self.id!r} must be a text that is not blank, got {self.question!r}")
        labels = self.labels
        if len(labels) == 1 or len(labels) > 256:
            raise ValueError(f"choices of question {self.id!r} must be 2 to 256, got {len(labels)}")
        if len(set(labels)) < len(labels):
            raise ValueError(f"choices of question {self.id!r} must be distinct in their labels, got {labels}")
        if self.answer is not None and labels and self.answer not in labels:
            raise ValueError(f"answer of question {self.id!r} must be one of {', '.join(labels)}, got {self.answer!r}")

    @property
    def labels(self) -> list[str]:
        """Labels of the choices, in their order."""
        return [choice.label for choice in self.choices]

    @property
    def is_true_false(self) -> bool:
        """Whether the labels are exactly True and False."""
        return sorted(self.labels) == ["False", "True"]

    @staticmethod
    def of(value: Question | Mapping[str, Any]) -> Question:
        """A question as a line of a question file has it: id, question, context, choices, answer, prompt."""
        if isinstance(value, Question):
            return value
        choices = value.get("choices")
        if isinstance(choices, str):  # a column of a CSV file
            try:
                choices = json.loads(choices)
            except json.JSONDecodeError as problem:
                raise ValueError(
                    f"choices of question {value['id']!r} must be a list, or one as JSON, got {choices!r}"
                ) from problem
        return Question(
            id=_id(value["id"]),
            question=_text(value.get("question")) or "",
            choices=() if choices is None or _is_missing(choices) else tuple(_choice(one) for one in choices),
            context=_text(value.get("context")),
            answer=_text(value.get("answer")),
            prompt=_text(value.get("prompt")),
        )

    def digest(self) -> str:
        """Tells two texts under one id apart: 16 hexadecimal digits."""
        parts = [self.question, self.context or ""]
        for choice in self.choices:
            parts += [choice.label, choice.text]
        return self._digest(parts, self.prompt).hex()[:16]

    @staticmethod
    def digest_of(record: Mapping[str, Any]) -> str:
        """The digest of a record of topic ``questions``."""
        parts = [record["stem"], record.get("context") or ""]
        for choice in record["choices"]:
            parts += [choice["label"], choice["text"]]
        return Question._digest(parts, record.get("prompt")).hex()[:16]

    def content(self) -> bytes:
        """5 bytes of what is asked, whatever white space, labels and order of the choices."""
        texts = sorted((_plain(choice.text) for choice in self.choices), key=lambda text: text.encode("utf-16-be"))
        parts = [_plain(self.question), _plain(self.context or ""), *texts]
        return self._digest(parts, None if not self.prompt else _plain(self.prompt))[:5]

    @staticmethod
    def _digest(parts: Iterable[str], prompt: str | None) -> bytes:
        digest = hashlib.sha256()

        def add(text: str) -> None:
            encoded = text.encode()
            digest.update(struct.pack(">i", len(encoded)) + encoded)

        for part in parts:
            add(part)
        if prompt:
            digest.update(b"\xff")
            add(prompt)
        return digest.digest()

    def record(
        self, purpose: str = "ANSWER", run: str | None = None, fit: str | None = None, tier: str | None = None
    ) -> dict[str, Any]:
        """The question as topic ``questions`` has it."""
        return {
            "stem": self.question,
            "choices": [{"label": choice.label, "text": choice.text} for choice in self.choices],
            "context": self.context,
            "purpose": purpose,
            "run": run,
            "fit": fit,
            "tier": tier,
            "questionId": None if run is None else self.id,
            "prompt": self.prompt,
        }

    def label_record(self, run: str | None = None) -> dict[str, Any]:
        """Its answer as topic ``labels`` has it."""
        if self.answer is None:
            raise ValueError(f"answer of question {self.id!r} must be one of its labels, got none")
        return {"label": self.answer, "run": run, "textDigest": self.digest()}


def check_name(what: str, name: str) -> str:
    """A name that becomes part of keys."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} must be 1 to 100 letters, digits, '.', '_' and '-', got {name!r}")
    return name


def question_key(run: str | None, question_id: str) -> str:
    """The key of a question: with the run in front where it names one."""
    return question_id if run is None else f"{run}/{question_id}"


def plain_label(question_id: Any, label: Any, run: str | None) -> tuple[str, str, dict[str, Any]]:
    """(topic's name, key, value) of a label without a text. Raises ``ValueError`` where either of both is missing."""
    own, said = _id(question_id), _text(label)
    if not own.strip():
        raise ValueError(f"id of a label must be a text that is not blank, got {question_id!r}")
    if said is None:
        raise ValueError(f"label of question {own!r} must be one of its labels, got none")
    return "labels", own, {"label": said, "run": run, "textDigest": None}


def validation_records(run: str, questions: Iterable[Question]) -> list[tuple[str, str, dict[str, Any]]]:
    """(topic's name, key, value) of questions that calibrate a run, and of their labels."""
    return [
        record
        for one in questions
        for record in (
            ("questions", question_key(run, one.id), one.record("VALIDATION", run)),
            ("labels", one.id, one.label_record(run)),
        )
    ]


Given: TypeAlias = "str | os.PathLike[str] | Question | Mapping[str, Any] | Iterable[Question | Mapping[str, Any]]"
"""Questions as ``read`` takes them, beside a pandas DataFrame: a file of JSON lines, one, or several."""


def read(questions: Any) -> list[Question]:
    """Questions of a file of JSON lines, of a pandas DataFrame, or of any iterable of questions or mappings."""
    if isinstance(questions, (str, os.PathLike)):
        return _of_file(Path(questions))
    if isinstance(questions, (Question, Mapping)):
        questions = [questions]
    if hasattr(questions, "to_dict") and hasattr(questions, "columns"):
        if "id" not in questions.columns:
            questions = questions.assign(id=[_id(label) for label in questions.index])
        questions = questions.to_dict("records")
    found = [Question.of(one) for one in questions]
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            raise ValueError(f"ids of questions must be distinct, got {one.id!r} twice")
        seen.add(one.id)
    return found


def training_texts(questions: Iterable[Question]) -> bytes:
    """What a run was trained on, by text, for its record."""
    return b"".join(sorted({one.content() for one in questions})[:_MOST_TEXTS])


def trained_texts(record: bytes | None) -> set[bytes]:
    """The members of what ``training_texts`` made."""
    return {record[at : at + 5] for at in range(0, len(record) - 4, 5)} if record else set()


def _of_file(path: Path) -> list[Question]:
    found = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    found.append(Question.of(json.loads(line)))
                except (KeyError, ValueError) as problem:
                    raise ValueError(f"{path} line {number}: {problem}") from problem
    return read(found)


def _choice(value: Choice | Mapping[str, Any] | Sequence[str] | str) -> Choice:
    if isinstance(value, Choice):
        return value
    if isinstance(value, Mapping):
        return Choice(str(value["label"]), str(value.get("text", "")))
    if isinstance(value, str):
        return Choice(value)
    return Choice(*value)


def _id(value: Any) -> str:
    """A column of whole numbers that has gaps is one of floats."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _text(value) or ""


def _text(value: Any) -> str | None:
    """Missing values of a data frame are no text."""
    return None if value is None or _is_missing(value) else str(value)


def _is_missing(value: Any) -> bool:
    """NaN, NaT or NA."""
    return isinstance(value, float) and value != value or type(value).__name__ in ("NAType", "NaTType")


def _plain(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text.strip(_STRIPPED))
