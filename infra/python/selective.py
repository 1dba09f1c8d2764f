"""Checks what `calibrant evaluate` says of accepting answers against scikit-learn, SciPy and MAPIE.

    calibrant evaluate --run R --questions test.jsonl --json --details details.jsonl > evaluated.jsonl
    python selective.py details.jsonl evaluated.jsonl
    python selective.py details.jsonl evaluated.jsonl answers.jsonl validation.jsonl

The last two are what `calibrant answers --from-beginning --json` prints, and the file that was validated with: they add
the conformal sets of MAP. Needs numpy, scipy, scikit-learn and mapie (1.3). Fails where a figure differs.
"""

import json
import sys

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.risk_control import BinaryClassificationController
from scipy.stats import beta, binom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import auc

METHODS = ("map", "temperature", "calibrated")
# Share of the errors that a target allows, weight of delta, coverage at which n right answers must prove it.
STARTS = ((0.02, 0.1, 0.25), (0.25, 0.2, 0.25), (1, 0.5, 0), (3, 0.1, 0.5), (np.inf, 0.1, 1))
GRID = np.array([*range(9999, 9989, -1), *range(9980, 9899, -10), *range(9850, 8999, -50), *range(8900, -1, -100)]) / 1e4


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def graded(details, method):
    """Confidence of the answers, and whether they are right."""
    p = [np.array(one[method]) for one in details]
    truth = [one["labels"].index(one["truth"]) for one in details]
    return np.array([each.max() for each in p]), np.array([each.argmax() == y for each, y in zip(p, truth)])


def aurc(confidence, right):
    """Mean over k of the share of wrong ones among the k surest; ties in the order of the file."""
    wrong = ~right[np.argsort(-confidence, kind="stable")]
    return np.cumsum(wrong) / np.arange(1, len(wrong) + 1)


def threshold(confidence, right, accuracy, delta):
    """The lowest threshold of the fallback procedure, with SciPy's binomial tails; None for none."""
    weights = np.zeros(len(GRID))
    for errors, weight, coverage in STARTS:
        enough = coverage == 0 or accuracy ** np.floor(coverage * len(right) + 1e-9) <= weight * delta
        weights[np.argmax(GRID <= 1 - (1 - accuracy) * (errors if enough else 1) + 1e-9)] += weight
    level, found = 0.0, None
    for t, weight in zip(GRID, weights):
        level += weight * delta
        above = confidence >= t
        tail = binom.cdf((above & ~right).sum(), above.sum(), 1 - accuracy)
        found, level = (t, level) if level > 0 and tail <= level else (found, 0.0)
    return found


class Known(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its input."""

    def __init__(self, classes=2):
        self.classes = classes

    def fit(self, x, y=None):
        self.classes_ = np.arange(self.classes)
        return self

    def predict_proba(self, x):
        return np.asarray(x)

    def predict(self, x):
        return np.asarray(x).argmax(axis=1)


def sets(known, truth, asked, level):
    """MAPIE's split-conformal sets with the score 1 - p, a row of booleans a question."""
    prefit = Known(known.shape[1]).fit(known)
    conformal = SplitConformalClassifier(prefit, confidence_level=level, conformity_score="lac", prefit=True)
    return conformal.conformalize(known, truth).predict_set(asked)[1][:, :, 0]


def near(what, ours, theirs, tolerance=1e-9):
    differs = abs(ours - theirs) > tolerance
    print(f"{what:58s} {ours:.9f} {theirs:.9f}{'   DIFFERS' if differs else ''}")
    return int(differs)


def curves(details, said):
    bad = 0
    for method in METHODS:
        risks = aurc(*graded(details, method))
        n = len(risks)
        bad += near(f"AURC of {method}, mean of the risks", said[method]["aurc"], risks.mean())
        # torch-uncertainty integrates by trapezes from 1/n to 1: half of the first and of the last risk are left out.
        trapezes = auc(np.arange(1, n + 1) / n, risks) / (1 - 1 / n)
        from_ours = (said[method]["aurc"] * n - (risks[0] + risks[-1]) / 2) / (n - 1)
        bad += near(f"AURC of {method}, trapezes", from_ours, trapezes)
    confidence, right = graded(details, "calibrated")
    order = np.argsort(-confidence, kind="stable")
    for point in said["calibrated"]["curve"]:
        k = round(point["coverage"] * len(right))
        good = right[order[:k]].sum()
        lower = 0 if good == 0 else beta.ppf(0.025, good, k - good + 1)
        upper = 1 if good == k else beta.ppf(0.975, good + 1, k - good)
        bad += near(f"band at {point['coverage']:.0%}, lower", point["lower"], lower, 1e-7)
        bad += near(f"band at {point['coverage']:.0%}, upper", point["upper"], upper, 1e-7)
    return bad


def thresholds(details, said):
    bad = 0
    confidence, right = graded(details, "calibrated")
    for one in said["calibrated"]["thresholds"]:
        accuracy, sure = one["targetAccuracy"], one["targetConfidence"]
        ours = -1 if one["threshold"] is None else one["threshold"]
        theirs = threshold(confidence, right, accuracy, 1 - sure)
        bad += near(f"threshold for {accuracy:.0%} with {sure:.0%}", ours, -1 if theirs is None else theirs)
        # MAPIE's tails are Hoeffding and Bentkus's, which are wider than the exact ones, for the precision of "right".
        controller = BinaryClassificationController(
            lambda x: np.stack([1 - x[:, 0], x[:, 0]], axis=1),
            "precision",
            accuracy,
            confidence_level=sure,
            list_predict_params=GRID[GRID <= confidence.max()],
        ).calibrate(confidence[:, None], right.astype(int))
        valid = controller.valid_predict_params
        print(f"  MAPIE's lowest: {min(valid) if len(valid) else 'none'}")
    return bad


def conformal(details, said, answers, validation):
    truth = {one["id"]: one.get("answer", one.get("label")) for one in lines(validation)}
    known = {one["questionId"]: one for one in lines(answers) if one["questionId"] in truth}
    y = np.array([one["labels"].index(truth[id]) for id, one in known.items()])
    p = np.array([one["mapProbabilities"] for one in known.values()])
    asked = np.array([one["map"] for one in details])
    right = np.array([one["labels"].index(one["truth"]) for one in details])
    ours = said["map"]["conformal"]
    theirs = sets(p, y, asked, 1 - ours["alpha"])
    return near("sets of MAP, coverage", ours["coverage"], theirs[np.arange(len(right)), right].mean()) + near(
        "sets of MAP, size", ours["size"], theirs.sum(axis=1).mean()
    )


def main(arguments):
    if len(arguments) not in (2, 4):
        sys.exit(__doc__)
    details = lines(arguments[0])
    said = {one["method"]: one for one in lines(arguments[1])}
    bad = curves(details, said) + thresholds(details, said)
    if len(arguments) == 4:
        bad += conformal(details, said, *arguments[2:])
    sys.exit(f"{bad} figures differ" if bad else 0)


main(sys.argv[1:])
