"""Calibrated answers as a results file that users of lm-evaluation-harness read beside theirs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibrant.answers import Answer
from calibrant.questions import Question

_BINS = 15


def results(questions: Sequence[Question], answers: Sequence[Answer], task: str) -> dict[str, Any]:
    """Figures of labelled questions, with the harness's names: ``acc,none`` and ``acc_stderr,none``, and so on.

    ``acc``, ``nll``, ``brier_score`` and ``ece`` are of the served probabilities; the filter ``map`` has those of the
    model as it was: what the harness measures of a multiple-choice task. Standard errors are the harness's, the sample
    deviation over sqrt(n).
    """
    truth = {one.id: one.answer for one in questions}
    labelled = [one for one in answers if truth.get(one.question_id) is not None]
    if not labelled:
        raise ValueError("questions must have answers to be measured by, got none")
    figures: dict[str, Any] = {"alias": task}
    for name, kind in (("none", "probabilities"), ("map", "map_probabilities")):
        rows = [
            (tuple(getattr(one, kind)), one.labels.index(str(truth[one.question_id]))) for one in labelled
        ]
        scores = {
            "acc": [float(max(range(len(p)), key=p.__getitem__) == y) for p, y in rows],
            "nll": [-math.log(max(p[y], 1e-300)) for p, y in rows],
            "brier_score": [sum((q - (i == y)) ** 2 for i, q in enumerate(p)) for p, y in rows],
        }
        for metric, values in scores.items():
            figures[f"{metric},{name}"] = sum(values) / len(values)
            figures[f"{metric}_stderr,{name}"] = stderr(values)
        figures[f"ece,{name}"] = _ece([(max(p), right) for (p, _), right in zip(rows, scores["acc"], strict=True)])
        figures[f"ece_stderr,{name}"] = "N/A"
    first = labelled[0]
    return {
        "results": {task: figures},
        "group_subtasks": {task: []},
        "configs": {task: {"task": task, "output_type": "multiple_choice", "num_fewshot": 0}},
        "versions": {task: 1},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"acc": True, "nll": False, "brier_score": False, "ece": False}},
        "n-samples": {task: {"original": len(questions), "effective": len(labelled)}},
        "config": {
            "model": "calibrant",
            "model_args": f"run={first.run},checkpoint={first.checkpoint},fit={first.fit},tier={first.tier}",
            "batch_size": 1,
            "limit": None,
        },
        "model_name": first.run,
        "date": time.time(),
    }


def stderr(values: Sequence[float]) -> float | str:
    """The standard error of a mean, as the harness has it; N/A of a single value."""
    n = len(values)
    if n < 2:
        return "N/A"
    mean = sum(values) / n
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)) / math.sqrt(n)


def write(figures: dict[str, Any], file: str | Path) -> None:
    """Writes a results file."""
    Path(file).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _ece(graded: list[tuple[float, float]]) -> float:
    """15 bins of equal width, (lower, upper]."""
    bins: dict[int, list[tuple[float, float]]] = {}
    for confidence, right in graded:
        bins.setdefault(min(_BINS - 1, max(0, math.ceil(confidence * _BINS) - 1)), []).append((confidence, right))
    gaps = (abs(sum(c for c, _ in one) - sum(r for _, r in one)) for one in bins.values())
    return sum(gaps) / len(graded)
