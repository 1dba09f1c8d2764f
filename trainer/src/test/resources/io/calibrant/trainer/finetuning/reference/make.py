"""Steps of AdamW on adapters of the zoo, by PEFT: python make.py ZOO. torch 2.7.1, transformers 5.24, peft 0.21.2."""

import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

QUESTIONS, STEPS, RATE = 4, 3, 0.01


def plain(name):
    name = name.removeprefix("base_model.model.").replace(".modules_to_save", "").replace(".default", "")
    return name.removesuffix(".weight")


def steps(model, batch, file):
    """A batch has token ids, what gives the class logits of a pass, and the right class."""
    trained = {plain(name): weight for name, weight in model.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum(
            torch.nn.functional.cross_entropy(logits(model(torch.tensor([ids])).logits[0]), torch.tensor(answer))
            for ids, logits, answer in batch
        ) / len(batch)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    print(file, losses)
    weights = {name: weight.detach().contiguous() for name, weight in trained.items()}
    save_file(weights | {"losses": torch.tensor(losses)}, pathlib.Path(__file__).with_name(file))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()][:QUESTIONS]


zoo = pathlib.Path(sys.argv[1])

base = zoo / "adapters" / "base"
reference = json.loads((base / "ref.json").read_text())
labels = [[choice["label"] for choice in question["choices"]] for question in lines(zoo / "questions.jsonl")]
batch = [
    (ids, lambda z: z[-1, reference["class_tokens"]], own.index(question["answer"]))
    for ids, own, question in zip(reference["prompt_ids"], labels, lines(zoo / "questions.jsonl"), strict=True)
]
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
steps(PeftModel.from_pretrained(model, zoo / "adapters" / "dora", is_trainable=True), batch, "dora.safetensors")

seqcls = zoo / "seqcls"
reference = json.loads((seqcls / "ref.json").read_text())
batch = [
    (ids, lambda z: z, reference["labels"].index(text["label"]))
    for ids, text in zip(reference["train_ids"], lines(seqcls / "train.jsonl"))
]
model = AutoModelForSequenceClassification.from_pretrained(seqcls / "model", dtype=torch.float32)
steps(PeftModel.from_pretrained(model, seqcls / "adapter", is_trainable=True), batch, "classifier.safetensors")
