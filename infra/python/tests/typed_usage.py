"""What a program that is checked by mypy sees: checked beside the package, never run."""

from pathlib import Path

import pandas
from typing_extensions import assert_type

from calibrant import Answer, Client, Question


def asked(client: Client) -> None:
    assert_type(client.ask(Path("questions.jsonl"), run="news"), list[Answer])
    assert_type(client.ask([{"id": "q1", "prompt": "Two and two?"}]), list[Answer])
    assert_type(client.ask(Question("q1", prompt="Two and two?")), list[Answer])
    frame: pandas.DataFrame = client.ask(pandas.DataFrame())
    for answer in client.ask_each("questions.jsonl"):
        if isinstance(answer, Answer):
            assert_type(answer.familiarity, float | None)
            assert_type(answer.probabilities, tuple[float, ...])
    del frame


async def asked_meanwhile(client: Client) -> None:
    assert_type(await client.ask_async("questions.jsonl", tier="forward"), list[Answer])
