"""The Mustache form of a model's chat template."""

from __future__ import annotations

import warnings
from typing import Any

from calibrant.prompts import Template

#: What is warned of where a template strips the user's message: with a placeholder it strips nothing.
TRIMS = (
    "the chat template trims the user's message: questions that begin or end with white space must carry their whole"
    " prompt"
)


def prompt_template(model: Any, message: str = "{{{question}}}", system: str | None = None, **options: Any) -> str:
    """What transformers writes around a user's message with Mustache tags, up to where the model answers.

    ``model``: a directory, a name, or a tokenizer. ``options`` are arguments of the chat template, for example
    ``enable_thinking=False``. Raises ``ValueError`` where the template does something else with the message. Warns
    where it trims the message.
    """
    if isinstance(model, str):
        from transformers import AutoTokenizer

        model = AutoTokenizer.from_pretrained(model)
    if not getattr(model, "chat_template", None):
        raise ValueError("the model must have a chat template, got a tokenizer without")
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": message})
    text = _rendered(model, messages, options)
    if message not in text:
        raise ValueError("the chat template must leave the message as it is: such questions carry their whole prompt")
    Template(text)
    padded = f" {message} "
    if padded not in _rendered(model, [*messages[:-1], {"role": "user", "content": padded}], options):
        warnings.warn(TRIMS, stacklevel=2)
    return text


def _rendered(model: Any, messages: list[dict[str, str]], options: dict[str, Any]) -> str:
    return str(model.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))
