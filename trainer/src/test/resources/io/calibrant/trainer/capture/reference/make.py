"""Makes the files beside it: a tiny random Llama with a LoRA adapter on every map, and what transformers 4.57.1, peft 0.21.2 and
torch 2.7.1 give for it in float32. Usage: python make.py DIRECTORY"""
import sys
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

out = sys.argv[1]
torch.manual_seed(0)
rope = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
config = LlamaConfig(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                     head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=500.0, rope_scaling=rope, tie_word_embeddings=False,
                     bos_token_id=1, eos_token_id=2)
model = LlamaForCausalLM(config).float()
for p in model.parameters():
    p.data = torch.randn(p.shape) * 0.3 + (1.0 if p.dim() == 1 else 0.0)
model.save_pretrained(out + "/model")
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
peft = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"))
for n, p in peft.named_parameters():
    if "lora_B" in n:
        p.data = torch.randn(p.shape) * 0.2
peft.save_pretrained(out + "/adapter")
ids = torch.tensor([[0, 0, 7, 3, 11, 39], [5, 6, 9, 22, 31, 8], [0, 0, 0, 0, 0, 17]])
mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])
classes = torch.tensor([12, 3, 30])
logits = peft(input_ids=ids, attention_mask=mask).logits[:, -1, classes]
torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0, 1]), reduction="sum").backward()
expected = {"input_ids": ids, "attention_mask": mask, "class_tokens": classes, "logits": logits.detach().contiguous()}
for n, p in peft.named_parameters():
    if p.grad is not None:
        name = n.replace("base_model.model.", "").replace(".default.weight", "")
        expected["grad." + name] = p.grad[classes].contiguous() if name == "lm_head.lora_B" else p.grad
save_file(expected, out + "/expected.safetensors")
