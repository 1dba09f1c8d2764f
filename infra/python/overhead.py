"""What live statistics cost a step at SmolLM2-135M's shape: steps with and without, in turns, random weights.

    OMP_NUM_THREADS=1 python infra/python/overhead.py [--steps N] [--clock] [--publish KAFKA REGISTRY]

Prints processor time, so that another program on the machine changes little; --clock prints the clock's, which is what
a user waits for where several threads work. --publish also sends them, as the callback does, to topics that are there
(calibrant topics --apply); what the sending thread does between steps falls on the next one, so that turns are of
several steps then.
"""

import argparse
import statistics
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from calibrant import Connection, records
from calibrant.adapter import LoraAdapter
from calibrant.capture import LiveCapture
from calibrant.publishing import Publisher

BATCH, TOKENS = 4, 90


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10, help="turns of each; default 10")
    parser.add_argument("--clock", action="store_true")
    parser.add_argument("--publish", nargs=2, metavar=("KAFKA", "REGISTRY"))
    options = parser.parse_args()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
    )
    lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(LlamaForCausalLM(config), lora).train()
    adapter = LoraAdapter(model, [10, 11, 12, 13])
    initial = {name: weight.clone() for name, weight in adapter.present_weights()}
    capture = LiveCapture(adapter, "EXPAND", 10, "overhead")
    capture.install()
    publisher = None if options.publish is None else Publisher(Connection(*options.publish), "overhead", "0/1")
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-4)
    ids = torch.randint(20, 49152, (BATCH, TOKENS))
    labels = torch.full_like(ids, -100)
    labels[:, -1] = ids[:, -1]
    mask = torch.ones_like(ids)
    mask[1, :20] = 0

    now = time.perf_counter if options.clock else time.process_time
    batches = 0

    def step(armed):
        nonlocal batches
        if armed:
            capture.arm(batches)
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        if armed:
            measured = capture.take()
            assert measured is not None, capture.trouble
            norms, distances = adapter.squared_norms(initial)
            sent = records.statistics(
                records.Origin("overhead", "live", "0/1", 0), records.BatchRange(batches, 1, None), measured, norms, distances
            )
            batches += 1
            if publisher is not None:
                publisher.submit(list(sent))
        optimizer.step()
        optimizer.zero_grad()

    def turn(armed):
        began = now()
        for _ in range(1 if publisher is None else 8):
            step(armed)
        if armed and publisher is not None:
            publisher.flush(60)
        return now() - began

    turn(True)
    turn(False)
    with_, without = [], []
    for _ in range(options.steps):
        without.append(turn(False))
        with_.append(turn(True))
    ratios = [a / b for a, b in zip(with_, without)]
    of = "by the clock" if options.clock else "of processor time"
    print(f"without {statistics.median(without):.3f} s, with {statistics.median(with_):.3f} s {of}")
    print(f"overhead {statistics.median(ratios):.3f}, of the fastest {min(with_) / min(without):.3f}")
    if publisher is not None:
        publisher.close()
        print(f"{publisher.sent} records sent, {publisher.dropped} dropped, waited {publisher.waited:.3f} s")


if __name__ == "__main__":
    main()
