"""The commands: prompt-template, check-statistics, harness."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence

from confluent_kafka import KafkaException

from calibrant import properties
from calibrant.client import UnansweredError
from calibrant.connection import Connection, ConnectionProblem, words


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 is success, 1 a failure of what was asked, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="calibrant",
        description="The commands of the Python package.",
        epilog="The launcher infra/calibrant has the same name and all other commands (train, fit, score, ...).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("prompt-template", help="the Mustache template of a chat model's form")
    one.add_argument("model", help="a directory of Hugging Face, or a model's name")
    one.add_argument("--message", default="{{{question}}}", help="the user's message with Mustache tags")
    one.add_argument("--system", help="a system message before it")
    one.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the template; VALUE is JSON")
    one.set_defaults(command=_prompt_template)

    one = commands.add_parser("check-statistics", help="computes batches of a run again, and prints the difference")
    _connects(one)
    one.add_argument("--run")
    one.add_argument("--model", help="the base model's directory")
    one.add_argument("--questions", help="the training questions, JSON lines")
    one.add_argument("--checkpoint", help="default: the newest that has a pass")
    one.add_argument("--batches", type=int, default=3, help="how many, from the first")
    one.add_argument("--tolerance", type=float, default=1e-4, help="largest relative difference, of 0.0001")
    one.add_argument("--device", default="cpu", help="where it is computed, for example cuda")
    one.add_argument("--golden", action="store_true", help="the worked example of statistics.md; needs no Kafka")
    one.set_defaults(command=_check_statistics)

    one = commands.add_parser("harness", help="asks questions and writes a results file as lm-evaluation-harness does")
    _connects(one)
    one.add_argument("--questions", required=True, help="labelled questions, JSON lines")
    one.add_argument("--run", help="default: whichever run's scorer answers")
    one.add_argument("--fit", help="which fit of the run answers")
    one.add_argument("--tier", help="which tier of the scorer answers")
    one.add_argument("--timeout", type=float, default=60.0, help="seconds without any answer, default 60")
    one.add_argument("--task", required=True, help="the task's name in the file")
    one.add_argument("--output", required=True, help="the file to write")
    one.set_defaults(command=_harness)

    given = parser.parse_args(arguments)
    try:
        return int(given.command(given))
    except ImportError as problem:
        said = f"{words(problem)}: pip install 'calibrant[transformers]'"
    except (ConnectionProblem, UnansweredError, KafkaException, ValueError, OSError) as problem:
        said = words(problem)
    print(f"calibrant: {said}", file=sys.stderr)
    return 1


def _connects(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bootstrap-server", help="or bootstrap.servers in the file")
    parser.add_argument("--schema-registry", help="or schema.registry.url in the file")
    parser.add_argument("--topic-prefix", help="default: calibrant.")
    parser.add_argument(
        "--command-config", metavar="FILE", help="key=value lines: settings of Kafka's clients and of the registry's"
    )


def _connection(given: argparse.Namespace) -> Connection:
    return properties.connection(
        given.command_config, given.bootstrap_server, given.schema_registry, given.topic_prefix
    )


def _prompt_template(given: argparse.Namespace) -> int:
    from calibrant.chat import prompt_template

    options = {}
    for each in given.option:
        name, equals, value = each.partition("=")
        if not equals:
            raise ValueError(f"--option must be NAME=VALUE, got {each!r}")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError as problem:
            raise ValueError(f'--option {name} must be JSON (false, 3, "text"), got {value}') from problem
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        text = prompt_template(given.model, given.message, given.system, **options)
    for one in said:
        print(f"note: {one.message}", file=sys.stderr)
    sys.stdout.write(text)
    return 0


def _check_statistics(given: argparse.Namespace) -> int:
    from calibrant import checking

    if given.golden:
        differences = checking.golden()
    else:
        for name in ("run", "model", "questions"):
            if getattr(given, name) is None:
                raise ValueError(f"--{name.replace('_', '-')} must be given, unless --golden is")
        differences = checking.check(
            _connection(given), given.run, given.model, given.questions, given.checkpoint, given.batches, given.device
        )
    print(f"{'batch':>5}  {'block':56}  {'n':>8}  {'trace':>8}  {'small':>8}  {'rows':>8}")
    for one in differences:
        print(f"{one.batch:5}  {one.block:56}  {one.n:8.1e}  {one.trace:8.1e}  {one.small:8.1e}  {one.rows:8.1e}")
    largest = max(one.largest for one in differences)
    print(f"largest difference {largest:.1e}, relative")
    if any(one.reduced for one in differences):
        print("rows were reduced before they were sent: theirs is that of the reduction, and decides nothing")
    return 0 if largest <= given.tolerance else 1


def _harness(given: argparse.Namespace) -> int:
    from calibrant import Client, harness
    from calibrant.questions import read

    questions = read(given.questions)
    client = Client(_connection(given))
    answers = client.ask(questions, run=given.run, fit=given.fit, tier=given.tier, timeout=given.timeout)
    results = harness.results(questions, answers, given.task)
    harness.write(results, given.output)
    for name, value in results["results"][given.task].items():
        print(name, value)
    return 0
