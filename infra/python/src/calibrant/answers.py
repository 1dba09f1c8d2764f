"""Answers as the scorer gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Decision = Literal["ACCEPT", "UNSURE", "UNFAMILIAR", "NO_GUARANTEE"]


@dataclass(frozen=True)
class Answer:
    """A calibrated answer. Lists are in the order of the question's choices."""

    question_id: str
    run: str
    checkpoint: str
    fit: str
    posterior_version: int
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    map_probabilities: tuple[float, ...]
    calibration: str
    entropy: float
    mutual_information: float
    novelty: float
    familiarity: float | None
    familiarity_p: float | None
    softened: float
    decision: Decision | None
    tier: str
    text_digest: str | None
    record: Mapping[str, Any] = field(repr=False, compare=False)
    """All fields of the contract, by their names there."""

    @staticmethod
    def of(record: Mapping[str, Any]) -> Answer:
        """From a record of topic ``answers``."""
        return Answer(
            question_id=record["questionId"],
            run=record["runId"],
            checkpoint=record["checkpoint"],
            fit=record["fit"],
            posterior_version=record["posteriorVersion"],
            labels=tuple(record["labels"]),
            probabilities=tuple(record["probabilities"]),
            map_probabilities=tuple(record["mapProbabilities"]),
            calibration=record["calibration"],
            entropy=record["entropy"],
            mutual_information=record["mutualInformation"],
            novelty=record["novelty"],
            familiarity=record.get("familiarity"),
            familiarity_p=record.get("familiarityP"),
            softened=record.get("softened", 0.0),
            decision=record.get("decision"),
            tier=record.get("tier", "all"),
            text_digest=record.get("textDigest"),
            record=record,
        )

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[self.probabilities.index(self.confidence)]

    @property
    def confidence(self) -> float:
        """The probability of the most probable label."""
        return max(self.probabilities)

    @property
    def accept(self) -> bool | None:
        """Whether the answer may be acted on; None where the scorer has no target accuracy."""
        return None if self.decision is None else self.decision == "ACCEPT"

    def probability(self, label: str) -> float:
        """The probability of a label."""
        return self.probabilities[self.labels.index(label)]
