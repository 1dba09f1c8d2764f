"""Compares an adapter, as Calibrant reads or has written it, with what transformers and PEFT make of it.

    python compare_adapter.py MODEL ADAPTER CHECKED [--tolerance X]

Computes the logits of the very tokens that `calibrant check --json` wrote to CHECKED, and compares logits and
probabilities. ADAPTER is a directory of PEFT with task_type CAUSAL_LM or SEQ_CLS. Fails where a probability differs by
more than the tolerance.
"""

import argparse
import json
import sys

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def load(model, adapter, classes):
    if PeftConfig.from_pretrained(adapter).task_type == "SEQ_CLS":
        base = AutoModelForSequenceClassification.from_pretrained(model, num_labels=classes, dtype=torch.float32)
    else:
        base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    return PeftModel.from_pretrained(base, adapter).eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("adapter")
    parser.add_argument("checked")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    with open(arguments.checked, encoding="utf-8") as file:
        lines = [line for line in map(json.loads, filter(str.strip, file)) if not line.get("summary")]
    if not lines:
        sys.exit(f"{arguments.checked} has no answers")
    model = load(arguments.model, arguments.adapter, max(len(line["labels"]) for line in lines))
    logit = probability = 0.0
    for line in lines:
        with torch.no_grad():
            z = model(input_ids=torch.tensor([line["tokens"]])).logits[0].double()
        if z.dim() == 2:  # of every token, over the vocabulary
            z = z[-1, line["labelTokens"]]
        p = torch.softmax(z, 0)
        logit = max(logit, (z - torch.tensor(line["logits"])).abs().max().item())
        probability = max(probability, (p - torch.tensor(line["mapProbabilities"]).double()).abs().max().item())
    print(f"{len(lines)} questions, largest difference of a logit {logit:.1e}, of a probability {probability:.1e}")
    sys.exit(0 if probability <= arguments.tolerance else 1)


if __name__ == "__main__":
    main()
