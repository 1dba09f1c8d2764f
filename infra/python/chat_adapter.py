"""Fine-tunes a chat model with PEFT on questions whose labels are words, and compares Calibrant with transformers.

    python chat_adapter.py questions IN.jsonl OUT.jsonl
    python chat_adapter.py train MODEL QUESTIONS ADAPTER [--steps N] [--learning-rate X] [--seed N]
    python chat_adapter.py compare MODEL ADAPTER QUESTIONS CHECKED [--details FILE]

`questions` makes the text of every choice its label: A "negative", B "positive" become negative and positive.
`train` writes a PEFT directory; the prompt of a question is the model's own chat template around it.
`compare` answers the questions with transformers and PEFT and compares them with what
`calibrant check --json` wrote to CHECKED: token ids, class tokens and probabilities. With --details also with the MAP
probabilities of `calibrant evaluate --details FILE`, which went through Kafka.
"""

import argparse
import json
import math
import random
import sys
import time

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def questions(arguments):
    with open(arguments.output, "w", encoding="utf-8") as out:
        for question in read(arguments.input):
            words = {choice["label"]: choice["text"] for choice in question["choices"]}
            question["choices"] = [{"label": word, "text": ""} for word in words.values()]
            if "answer" in question:
                question["answer"] = words[question["answer"]]
            out.write(json.dumps(question, ensure_ascii=False) + "\n")


def encode(tokenizer, question):
    """Token ids of the prompt, and the token of each label: what the label adds to the ids of the prompt."""
    message = [{"role": "user", "content": question["question"]}]
    text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(text, add_special_tokens=False).input_ids
    tokens = []
    for choice in question["choices"]:
        whole = tokenizer(text + choice["label"], add_special_tokens=False).input_ids
        if whole[:-1] != prompt:
            sys.exit(f"label {choice['label']!r} is not one token after the prompt of {question['id']}")
        tokens.append(whole[-1])
    return prompt, tokens


def answer_index(question):
    return [choice["label"] for choice in question["choices"]].index(question["answer"])


def difference(p, other):
    return max(abs(a - b) for a, b in zip(p, other, strict=True))


def load(directory):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(directory)


def train(arguments):
    random.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    base, tokenizer = load(arguments.model)
    lora = LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, lora).train()
    data = []
    for question in read(arguments.questions):
        prompt, tokens = encode(tokenizer, question)
        data.append((prompt, tokens[answer_index(question)]))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=arguments.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / arguments.steps)
    began = time.time()
    order = []
    for step in range(arguments.steps):
        if len(order) < arguments.batch_size:
            order += random.sample(range(len(data)), len(data))
        batch = [data[order.pop(0)] for _ in range(arguments.batch_size)]
        longest = max(len(prompt) for prompt, _ in batch)
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt, _ in batch])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt, _ in batch])
        logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([label for _, label in batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 10 == 0:
            print(f"step {step + 1} of {arguments.steps}: loss {loss:.4f}, {time.time() - began:.0f} s", flush=True)
    model.save_pretrained(arguments.adapter)


def compare(arguments):
    base, tokenizer = load(arguments.model)
    model = PeftModel.from_pretrained(base, arguments.adapter).eval()
    checked = {line["id"]: line for line in read(arguments.checked) if not line.get("summary")}
    answered = {line["questionId"]: line["map"] for line in read(arguments.details)} if arguments.details else {}
    largest = through_kafka = other_tokens = right = asked = labelled = 0
    nll = 0.0
    for question in read(arguments.questions):
        if question["id"] not in checked:
            continue
        ours = checked[question["id"]]
        prompt, tokens = encode(tokenizer, question)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([prompt]), logits_to_keep=1).logits[0, -1, tokens]
        p = torch.softmax(logits.double(), 0).tolist()
        other_tokens += ours["tokens"] != prompt or ours["labelTokens"] != tokens
        largest = max(largest, difference(p, ours["mapProbabilities"]))
        if arguments.details:
            through_kafka = max(through_kafka, difference(p, answered[question["id"]]))
        asked += 1
        if "answer" in question:
            labelled += 1
            right += p.index(max(p)) == answer_index(question)
            nll -= math.log(p[answer_index(question)])
    print(f"{asked} questions, {other_tokens} with other tokens, largest difference of a probability {largest:.2e}")
    if arguments.details:
        print(f"through Kafka: largest difference of a MAP probability {through_kafka:.2e}")
    if labelled:
        print(f"transformers and PEFT: accuracy {right / labelled:.4f}, NLL {nll / labelled:.4f}")
    sys.exit(0 if asked and not other_tokens and max(largest, through_kafka) <= arguments.tolerance else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("questions")
    command.add_argument("input")
    command.add_argument("output")
    command.set_defaults(run=questions)
    command = commands.add_parser("train")
    command.add_argument("model")
    command.add_argument("questions")
    command.add_argument("adapter")
    command.add_argument("--steps", type=int, default=500)
    command.add_argument("--batch-size", type=int, default=4)
    command.add_argument("--learning-rate", type=float, default=5e-4)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=train)
    command = commands.add_parser("compare")
    command.add_argument("model")
    command.add_argument("adapter")
    command.add_argument("questions")
    command.add_argument("checked")
    command.add_argument("--details")
    command.add_argument("--tolerance", type=float, default=1e-4)
    command.set_defaults(run=compare)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
