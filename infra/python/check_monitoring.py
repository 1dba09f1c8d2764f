"""Checks Calibrant's estimates of accuracy against public code.

    pip install nannyml ppi-python
    python infra/python/check_monitoring.py            # compares with what is stored
    python infra/python/check_monitoring.py --write    # stores it anew

The answers and what the public code makes of them lie in fitter/src/test/resources/monitoring. A test of the fitter
reads both, so that it is held to these figures without Python.

- Without labels: CBPE of NannyML, the mean of the top probability of two classes. Its reference data is drawn from its
  own probabilities, and its calibration is switched off: Calibrant's probabilities are calibrated before.
- With some labels: ppi_py, the power-tuned mean and its normal interval.
"""

import argparse
import csv
import os
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
STORED = HERE.parent.parent / "fitter" / "src" / "test" / "resources" / "monitoring"
ANSWERS = 400
LABELS = 90
ALPHA = 0.05


def answers():
    """Over-confident answers: the top probability, and whether the answer was right."""
    random = np.random.default_rng(7)
    confidence = np.round(0.5 + 0.499 * random.random(ANSWERS), 4)
    right = random.random(ANSWERS) < 0.3 + 0.6 * (confidence - 0.5)
    return confidence, right.astype(float)


def prediction_powered(confidence, right):
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    labelled = (right[:LABELS], confidence[:LABELS], confidence[LABELS:])
    lower, upper = ppi_mean_ci(*labelled, alpha=ALPHA)
    return {
        "ppi.value": float(np.squeeze(ppi_mean_pointestimate(*labelled))),
        "ppi.lower": float(np.squeeze(lower)),
        "ppi.upper": float(np.squeeze(upper)),
    }


def confidence_based(confidence):
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "True"  # it tells its makers of its use unless told not to
    import nannyml
    import pandas

    random = np.random.default_rng(8)
    share = random.random(5000)
    reference = pandas.DataFrame(
        {
            "probability": share,
            "prediction": (share >= 0.5).astype(int),
            "truth": (random.random(share.size) < share).astype(int),
        }
    )
    analysis = pandas.DataFrame({"probability": confidence, "prediction": np.ones(ANSWERS, dtype=int)})
    cbpe = nannyml.CBPE(
        metrics=["accuracy"],
        y_pred_proba="probability",
        y_pred="prediction",
        y_true="truth",
        problem_type="classification_binary",
        chunk_size=ANSWERS,
    ).fit(reference)
    cbpe.needs_calibration = False
    frame = cbpe.estimate(analysis).filter(period="analysis").to_df()
    return {"cbpe.value": float(frame[("accuracy", "value")].iloc[0])}


def stored():
    with open(STORED / "estimates.csv", newline="") as file:
        return {row["figure"]: float(row["value"]) for row in csv.DictReader(file)}


def store(confidence, right, figures):
    STORED.mkdir(parents=True, exist_ok=True)
    with open(STORED / "answers.csv", "w", newline="\n") as file:
        file.write("confidence,right\n")
        for i in range(ANSWERS):
            label = str(int(right[i])) if i < LABELS else ""
            file.write(f"{confidence[i]:.4f},{label}\n")
    with open(STORED / "estimates.csv", "w", newline="\n") as file:
        file.write("figure,value\n")
        for name, value in figures.items():
            file.write(f"{name},{value:.12f}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="store the answers and the figures anew")
    write = parser.parse_args().write
    confidence, right = answers()
    figures = {**confidence_based(confidence), **prediction_powered(confidence, right)}
    if write:
        store(confidence, right, figures)
    differences = {name: abs(value - stored()[name]) for name, value in figures.items()}
    for name, value in figures.items():
        print(f"{name:12} {value:.6f}  stored {stored()[name]:.6f}")
    if max(differences.values()) > 1e-9:
        raise SystemExit("the public code says something else than what is stored")


if __name__ == "__main__":
    main()
