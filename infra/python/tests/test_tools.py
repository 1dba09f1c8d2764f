"""Templates, prompts, the check of statistics, and results as lm-evaluation-harness has them."""

import math
import os
import pathlib
import statistics
import subprocess
import sys

import pytest

from calibrant import Answer, Choice, Question, harness, properties
from calibrant.commands import main
from calibrant.prompts import PAPER, Template

QUESTION = Question("1", "What colour?", (Choice("A", "red"), Choice("B", "green")), context="A <ram> & more")


def test_workers_of_these_tests_are_told_where_the_golden_files_are():
    """The first to read conftest.py hands its environment on."""
    program = (
        "import os, conftest as c; own = 'CALIBRANT_SHARED'; print(c.SHARED, os.environ[own], own in c.environment())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(__file__).parent,
        env={**os.environ, "CALIBRANT_SHARED": "/there"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["/there", "/there", "False"], done.stderr


def test_templates_of_the_contract():
    assert Template(PAPER).render(QUESTION) == (
        "Select one of the choices that answers the following question: What colour? Context: A <ram> & more"
        " Choices: A. red B. green Answer:"
    )
    two = Question("2", "Is it?", (Choice("True"), Choice("False")))
    assert Template(PAPER).render(two, eos="</s>") == "Answer the question with only True or False: Is it?</s>"
    lines = "{{#choices}}\n{{label}}: {{text}}\n{{/choices}}\nAnswer:"
    assert Template(lines).render(QUESTION) == "A: red\nB: green\nAnswer:"
    assert Template("{{^context}}none{{/context}}{{question}}").render(two) == "noneIs it?"


@pytest.mark.parametrize("text", ["{{name}}", "{{#choices}}", "{{>part}}", "{{/choices}}"])
def test_templates_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="prompt template must"):
        Template(text)


class Tokenizer:
    chat_template = "yes"

    def apply_chat_template(self, messages, tokenize, add_generation_prompt):
        assert not tokenize and add_generation_prompt
        return "".join(f"<{one['role']}>{one['content'].strip()}" for one in messages) + "<assistant>"


class Plain(Tokenizer):
    def apply_chat_template(self, messages, **options):
        return "".join(f"<{one['role']}>{one['content']}" for one in messages) + "<assistant>"


def test_the_template_of_a_chat_model():
    from calibrant.chat import prompt_template

    assert prompt_template(Tokenizer(), system="Be brief.") == "<system>Be brief.<user>{{{question}}}<assistant>"
    with pytest.raises(ValueError, match="must leave the message as it is"):
        prompt_template(Tokenizer(), " {{{question}}}")


@pytest.mark.filterwarnings("error")
def test_a_chat_template_that_trims_is_told(capsys, monkeypatch):
    from calibrant import chat, commands

    whole = "<user>{{{question}}}<assistant>"
    assert chat.prompt_template(Plain()) == whole
    with pytest.warns(UserWarning, match="trims the user's message: questions that begin or end with white space"):
        assert chat.prompt_template(Tokenizer()) == whole
    made = chat.prompt_template
    monkeypatch.setattr(chat, "prompt_template", lambda model, *rest: made(Tokenizer(), *rest))
    assert commands.main(["prompt-template", "model"]) == 0
    printed = capsys.readouterr()
    assert printed.out == whole
    assert printed.err == f"note: {chat.TRIMS}\n"


def answer(name, p, plain):
    fields = dict.fromkeys(Answer.__dataclass_fields__)
    fields.update(question_id=name, labels=("A", "B"), probabilities=p, map_probabilities=plain, record={})
    return Answer(**fields)


def test_results_have_the_fields_of_the_harness():
    truth = ["A", "B", "A", "A"]
    questions = [Question(str(i), "x", (Choice("A"), Choice("B")), answer=y) for i, y in enumerate(truth)]
    p = [(0.9, 0.1), (0.6, 0.4), (0.7, 0.3), (0.2, 0.8)]
    answers = [answer(str(i), one, (0.5 + one[0] / 2, 0.5 - one[0] / 2)) for i, one in enumerate(p)]
    found = harness.results(questions, answers, "task")
    figures = found["results"]["task"]
    right = [1.0, 0.0, 1.0, 0.0]
    assert figures["acc,none"] == 0.5
    assert figures["acc_stderr,none"] == pytest.approx(statistics.stdev(right) / math.sqrt(4))
    assert figures["nll,none"] == pytest.approx(-sum(map(math.log, (0.9, 0.4, 0.7, 0.2))) / 4)
    assert figures["brier_score,none"] == pytest.approx((0.02 + 0.72 + 0.18 + 1.28) / 4)
    assert figures["ece,none"] == pytest.approx((0.1 + 0.6 + 0.3 + 0.8) / 4)
    assert figures["acc,map"] == 0.75
    assert found["n-samples"]["task"] == {"original": 4, "effective": 4}
    assert {"results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "config"} <= set(found)


def test_golden_vectors(capsys):
    pytest.importorskip("torch")
    assert main(["check-statistics", "--golden"]) == 0
    assert "largest difference" in capsys.readouterr().out


def test_usage_is_one_line(capsys):
    pytest.importorskip("torch")
    assert main(["check-statistics", "--run", "r"]) == 1
    assert capsys.readouterr().err == "calibrant: --model must be given, unless --golden is\n"
    given = ["check-statistics", "--run", "r", "--model", "m", "--questions", "q"]
    assert main(given) == 1
    assert capsys.readouterr().err == (
        "calibrant: --bootstrap-server must be given, or bootstrap.servers in the file of --command-config, got nothing\n"
    )
    assert main([*given, "--command-config", "/absent"]) == 1
    assert capsys.readouterr().err == (
        "calibrant: --command-config must be a file of key=value lines that can be read, got '/absent'\n"
    )
    assert main(["prompt-template", "m", "--option", "enable_thinking=False"]) == 1
    assert capsys.readouterr().err == (
        'calibrant: --option enable_thinking must be JSON (false, 3, "text"), got False\n'
    )


def test_a_command_that_cannot_ask_says_so_in_one_line(connection, tmp_path, capsys):
    file, questions = tmp_path / "client.properties", tmp_path / "questions.jsonl"
    questions.write_text('{"id": "1", "question": "a?", "choices": ["A", "B"], "answer": "A"}\n')
    asked = ["harness", "--questions", str(questions), "--task", "t", "--output", str(tmp_path / "out.json")]
    asked += ["--command-config", str(file), "--timeout", "0.5"]
    there = f"bootstrap.servers={connection.bootstrap_servers}\n"
    file.write_text(f"{there}schema.registry.url=http://user:secret@127.0.0.1:1\nschema.registry.max.retries=0\n")
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert said.startswith("calibrant: schema registry http://127.0.0.1:1: ") and said.count("\n") == 1
    file.write_text(f"{there}schema.registry.url={connection.schema_registry}\n")
    assert main([*asked, "--run", "nobody", "--fit", "nothing", "--tier", "some"]) == 1
    assert capsys.readouterr().err == (
        "calibrant: 0 questions answered, 1 without an answer in time, the first '1' (is a scorer running?)\n"
    )


def test_a_file_of_settings_is_that_of_the_other_commands(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text(
        "# a comment\n! another\n\nbootstrap.servers = b1:9093,\\\n   b2:9093\nsecurity.protocol: SASL_SSL\n"
        "sasl.mechanism SCRAM-SHA-512\n"
        'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="us\\u00e9r"'
        ' password="a\\\\"b=c";\n'
        "ssl.truststore.location=/trust.pem\nssl.truststore.type=PEM\nssl.endpoint.identification.algorithm=\n"
        "schema.registry.url=https://r:8081\nbasic.auth.credentials.source=SASL_INHERIT\n"
        "schema.registry.ssl.truststore.location=/registry.pem\nschema.registry.ssl.truststore.type=PEM\n"
        "schema.registry.timeout=7\nproxy.host=p\nproxy.port=3128\ncalibrant.topic.prefix=team.\ncalibrant.count=3\n"
    )
    found = properties.connection(file)
    assert (found.bootstrap_servers, found.schema_registry) == ("b1:9093,b2:9093", "https://r:8081")
    assert found.topic_prefix == "team."
    assert found.config == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "us\u00e9r",
        "sasl.password": 'a"b=c',
        "ssl.ca.location": "/trust.pem",
        "ssl.endpoint.identification.algorithm": "none",
    }
    assert found.registry_config == {
        "basic.auth.user.info": 'us\u00e9r:a"b=c',
        "ssl.ca.location": "/registry.pem",
        "timeout": 7,
        "proxy": "http://p:3128",
    }
    over = properties.connection(file, "other:1", "http://x", "")
    assert (over.bootstrap_servers, over.schema_registry, over.topic_prefix) == ("other:1", "http://x", "")
    file.write_text("ssl.truststore.location=/t.p12\nssl.truststore.type=PKCS12\n")
    with pytest.raises(ValueError, match="ssl.truststore.location must be of type PEM, or ssl.ca.location must name"):
        properties.connection(file, "b", "http://r")
    file.write_text("ssl.truststore.location=/t.p12\nssl.truststore.type=PKCS12\nssl.ca.location=/ca.pem\n")
    assert properties.connection(file, "b", "http://r").config == {"ssl.ca.location": "/ca.pem"}
    file.write_text('sasl.jaas.config=a.OAuthBearerLoginModule required token="t";\n')
    with pytest.raises(ValueError, match="sasl.jaas.config must be of ScramLoginModule or PlainLoginModule") as caught:
        properties.connection(file, "b", "http://r")
    assert '"t"' not in str(caught.value)


@pytest.mark.parametrize(
    "written, read",
    [
        (r"a=\u0041\t\:", "A\t:"),
        (r"a=\\u0041", r"\u0041"),  # an escaped backslash, as in C:\users
        (r"a=\\\u0041", r"\A"),
        ("a=b\u2028c", "b\u2028c"),  # a line of a text, but none of a file of properties
        ("a=b\\", "b"),
    ],
)
def test_escapes_are_read_as_java_reads_them(tmp_path, written, read):
    file = tmp_path / "client.properties"
    file.write_text(written, encoding="utf-8")
    assert dict(properties.read(file)) == {"a": read}


def settings(tmp_path, text, registry="https://r:8081"):
    file = tmp_path / "client.properties"
    file.write_text(text)
    return properties.connection(file, "b:9092", registry)


PEM = "-----BEGIN CERTIFICATE----- " + "A" * 70 + " -----END CERTIFICATE-----"
LINES = "-----BEGIN CERTIFICATE-----\n" + "A" * 64 + "\n" + "A" * 6 + "\n-----END CERTIFICATE-----\n"


def test_stores_of_java_are_those_of_librdkafka_where_they_are_pem(tmp_path):
    store = "ssl.keystore.location=/me.pem\nssl.keystore.type=PEM\nssl.key.password=secret\n"
    own = {"ssl.certificate.location": "/me.pem", "ssl.key.location": "/me.pem", "ssl.key.password": "secret"}
    assert settings(tmp_path, store).config == own
    assert settings(tmp_path, store.replace("ssl.", "schema.registry.ssl.")).registry_config == own
    texts = f"ssl.keystore.type=PEM\nssl.keystore.key={PEM}\nssl.keystore.certificate.chain={PEM}\n"
    texts += f"ssl.truststore.type=PEM\nssl.truststore.certificates={PEM}\n"
    own = dict.fromkeys(("ssl.key.pem", "ssl.certificate.pem", "ssl.ca.pem"), LINES)
    assert settings(tmp_path, texts).config == own
    store = "ssl.keystore.location=/me.p12\nssl.keystore.password=secret\n"
    own = {"ssl.keystore.location": "/me.p12", "ssl.keystore.password": "secret"}
    assert settings(tmp_path, store + "ssl.keystore.type=PKCS12\n").config == own
    assert settings(tmp_path, store).config == own  # librdkafka's own keys
    beside = "ssl.keystore.type=JKS\nssl.certificate.location=/me.pem\nssl.key.location=/key.pem\n"
    own = {"ssl.certificate.location": "/me.pem", "ssl.key.location": "/key.pem"}
    assert settings(tmp_path, store + beside).config == own
    assert settings(tmp_path, (store + beside).replace("ssl.", "schema.registry.ssl.")).registry_config == own


@pytest.mark.parametrize(
    "text, words",
    [
        ("ssl.keystore.location=/s\nssl.keystore.type=JKS", "ssl.keystore.location must be of type PEM or PKCS12, or"),
        ("ssl.keystore.key=x", "ssl.keystore.key must be of type PEM, or ssl.key.pem must name the client's key"),
        ("ssl.keystore.key=x\nssl.keystore.type=PEM", "ssl.keystore.key must be PEM, from -----BEGIN to -----END"),
        (
            "schema.registry.ssl.keystore.location=/s\nschema.registry.ssl.keystore.type=PKCS12",
            "registry.ssl.keystore.location must be of type PEM, or schema.registry.ssl.certificate.location and",
        ),
        (
            f"schema.registry.ssl.truststore.certificates={PEM}\nschema.registry.ssl.truststore.type=PEM",
            "registry.ssl.truststore.certificates must be left out, or schema.registry.ssl.ca.location must name",
        ),
        ("schema.registry.ssl.enabled.protocols=TLSv1.3", "schema.registry.ssl.enabled.protocols must be left out"),
        ("schema.registry.ssl.endpoint.identification.algorithm=", "identification.algorithm must be left out"),
        ("schema.registry.timeout=long", "schema.registry.timeout must be a whole number, got 'long'"),
        ("basic.auth.credentials.source=FILE", "basic.auth.credentials.source must be one of URL, USER_INFO"),
        ("bearer.auth.logical.cluster=l", "bearer.auth.token must be a token beside bearer.auth.logical.cluster"),
    ],
)
def test_settings_that_stand_for_nothing_here_are_refused_by_name(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        settings(tmp_path, text)
    assert "AAAA" not in str(caught.value)


def test_credentials_of_the_registry_are_those_of_the_other_commands(tmp_path):
    address = "https://url:secret@r:8081,https://url:secret@s:8081"
    bare = "https://r:8081,https://s:8081"
    for text, header, place in (
        ("", ("url", "secret"), address),
        ("basic.auth.user.info=own:pass", ("own", "pass"), bare),
        ("basic.auth.user.info=own:pass\nbasic.auth.credentials.source=URL", ("url", "secret"), address),
        ("schema.registry.basic.auth.user.info=own:pass\nbasic.auth.user.info=other:pass", ("own", "pass"), bare),
        ("bearer.auth.token=abc\nbasic.auth.user.info=own:pass", "Bearer abc", bare),
    ):
        found = settings(tmp_path, text, address)
        assert found.schema_registry == place
        client = found.registry()._rest_client  # it refuses what it does not know
        if isinstance(header, tuple):
            assert client.auth == header
        else:
            headers = {}
            client.handle_bearer_auth(headers)
            assert client.auth is None and headers["Authorization"] == header


def test_statistics_of_a_run_are_checked(golden, connection, name, tmp_path):
    pytest.importorskip("peft")
    from test_callback import questions, train

    from calibrant import checking
    from calibrant.transformers import CalibrantCallback

    asked = questions(golden, 6)
    train(golden, tmp_path, CalibrantCallback(connection, name, asked, rank=None, every=0), steps=1)
    found = checking.check(connection, name, golden / "model", asked)
    assert {one.batch for one in found} == {0, 1}
    assert max(one.largest for one in found) < 1e-5
    other = checking.check(connection, name, golden / "model", list(reversed(asked)))
    assert max(one.largest for one in other) > 1e-3
    _, sent = checking._read(connection, name, 1)
    assert {checkpoint: list(batches) for checkpoint, batches in sent.items()} == {"step-1": [0]}
    with pytest.raises(ValueError, match="checkpoint must be one of step-1, got 'step-9'"):
        checking.check(connection, name, golden / "model", asked, "step-9")
    with pytest.raises(ValueError, match="must have the adapter of checkpoint 'step-9', got no model.layers.0"):
        checking._weights(connection, checking._read(connection, name, 1)[0], "step-9")
    with pytest.raises(ValueError, match="device must be one that torch has, got 'nowhere'"):
        checking.check(connection, name, golden / "model", asked, device="nowhere")


def test_statistics_of_a_base_in_bfloat16_are_checked_in_it(golden, connection, name, tmp_path):
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from test_callback import questions, train, transformers

    from calibrant import checking
    from calibrant.transformers import CalibrantCallback

    asked = questions(golden, 4)
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "model", dtype=torch.bfloat16)
    model = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    train(golden, tmp_path, CalibrantCallback(connection, name, asked, rank=None, every=0), steps=1, model=model)
    found = checking.check(connection, name, golden / "model", asked)
    assert max(one.largest for one in found) < 1e-4
