"""What live statistics cost a step at SmolLM2-135M's shape: steps with and without, in turns, random weights.

    OMP_NUM_THREADS=1 python infra/python/overhead.py [STEPS] [--clock]

Prints processor time, so that another program on the machine changes little; --clock prints the clock's, which is what
a user waits for where several threads work.
"""

import statistics
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from calibrant.adapter import LoraAdapter
from calibrant.capture import LiveCapture

CLOCK = "--clock" in sys.argv
STEPS = next((int(each) for each in sys.argv[1:] if each.isdigit()), 10)
BATCH, TOKENS = 4, 90


def main():
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
    capture = LiveCapture(LoraAdapter(model, [10, 11, 12, 13]), "EXPAND", 10, "overhead")
    capture.install()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-4)
    ids = torch.randint(20, 49152, (BATCH, TOKENS))
    labels = torch.full_like(ids, -100)
    labels[:, -1] = ids[:, -1]
    mask = torch.ones_like(ids)
    mask[1, :20] = 0

    now = time.perf_counter if CLOCK else time.process_time

    def step(armed):
        began = now()
        if armed:
            capture.arm(0)
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        if armed:
            assert capture.take() is not None, capture.trouble
        optimizer.step()
        optimizer.zero_grad()
        return now() - began

    step(True)
    step(False)
    with_, without = [], []
    for _ in range(STEPS):
        without.append(step(False))
        with_.append(step(True))
    ratios = [a / b for a, b in zip(with_, without)]
    of = "by the clock" if CLOCK else "of processor time"
    print(f"step without {statistics.median(without):.3f} s, with {statistics.median(with_):.3f} s {of}")
    print(f"overhead {statistics.median(ratios):.3f}, of the fastest {min(with_) / min(without):.3f}")


if __name__ == "__main__":
    main()
