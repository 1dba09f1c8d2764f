"""Calibrated answers of LoRA-fine-tuned language models over Kafka.

``Client`` asks questions and labels them. ``calibrant.transformers`` has the callback for training.
"""

from calibrant.answers import Answer, Decision
from calibrant.client import Client, UnansweredError
from calibrant.connection import Connection, ConnectionProblem
from calibrant.questions import Choice, Question

__all__ = [
    "Answer",
    "Choice",
    "Client",
    "Connection",
    "ConnectionProblem",
    "Decision",
    "Question",
    "UnansweredError",
]
