"""Writes the Mustache template of a model's chat form to standard output.

    python chat_template.py MODEL [MESSAGE] > chat.mustache

MODEL is a Hugging Face directory, MESSAGE the user's message with Mustache tags; by default the question alone.
"""

import sys

from transformers import AutoTokenizer

message = [{"role": "user", "content": sys.argv[2] if len(sys.argv) > 2 else "{{{question}}}"}]
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
sys.stdout.write(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))
