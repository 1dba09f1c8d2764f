"""What goes over the wire: schemas, keys, digests, tensors."""

import json

import numpy
import pytest

from calibrant import Choice, Question
from calibrant.questions import question_key, read, training_texts
from calibrant.schemas import fields, schema


def test_questions_of_a_table():
    one = Question.of({"id": 3.0, "question": "a?", "choices": '[{"label": "A", "text": "x"}, "B"]'})
    assert one.id == "3" and one.choices == (Choice("A", "x"), Choice("B"))
    assert read({"id": 4, "question": "a?"})[0].id == "4"
    with pytest.raises(ValueError, match="choices of question 5 must be a list, or one as JSON, got 'A, B'"):
        Question.of({"id": 5, "question": "a?", "choices": "A, B"})
    with pytest.raises(ValueError, match="id must be a text that is not blank"):
        Question.of({"id": float("nan"), "question": "a?"})


def test_every_schema_stands_alone():
    fastavro = pytest.importorskip("fastavro")
    for name in ("Run", "AdapterBlock", "Progress", "Statistics", "Posterior", "Factor", "Question", "Answer", "Label"):
        parsed = fastavro.parse_schema(json.loads(schema(name)))
        assert [one["name"] for one in parsed["fields"]] == fields(name)


def test_digests_tell_texts_apart():
    # That they are those of Java is seen in test_loop: trainingTexts of both are equal.
    one = Question("1", "What colour is the ram?", (Choice("A", "Brown."), Choice("B", "Red.")), answer="B")
    assert len(one.digest()) == 16
    assert one.digest() != Question("1", "What colour is the ram? ", one.choices).digest()
    other = Question("2", "  What  colour\tis the ram? ", (Choice("B", "Brown."), Choice("A", "Red.")))
    assert other.content() == one.content()
    assert training_texts([one, other]) == one.content()


def test_files_and_frames_are_read(tmp_path):
    file = tmp_path / "questions.jsonl"
    line = {"id": "q1", "question": "Right?", "choices": [{"label": "True", "text": ""}, {"label": "False"}]}
    file.write_text(json.dumps(line) + "\n\n")
    (one,) = read(file)
    assert one.is_true_false and one.record(run="r")["questionId"] == "q1"
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([{"id": "q1", "question": "Right?", "choices": ["True", "False"], "context": None}])
    assert read(frame) == [one]
    frame["context"] = frame["context"].astype("string")
    assert read(frame) == [one]
    floats = frame.drop(columns="id").set_index(pandas.Index([7.0]))
    assert [one.id for one in read(floats)] == ["7"]
    file.write_text('{"id": "q1", "question": "", "choices": []}\n')
    with pytest.raises(ValueError, match="line 1: question of 'q1' must be"):
        read(file)


def test_ids_are_distinct():
    with pytest.raises(ValueError, match="'1' twice"):
        read([Question("1", "a"), Question("1", "b")])
    assert question_key("r", "1") == "r/1" and question_key(None, "1") == "1"


def test_tensors_round_trip():
    torch = pytest.importorskip("torch")
    from calibrant.records import array, tensor

    values = torch.tensor([[1.0, -2.5], [3.25, 1e-3]])
    for dtype, tolerance in (("F32", 1e-9), ("F64", 1e-9), ("BF16", 4e-3)):
        back = array(tensor(values, dtype))
        assert back.shape == (2, 2)
        assert numpy.allclose(back, values.numpy(), rtol=tolerance)


def test_a_digest_that_only_java_can_say_is_left_out(tmp_path):
    pytest.importorskip("torch")
    from calibrant.records import model_digest

    (tmp_path / "config.json").write_text('{"eos_token_id": 1}')
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    end = {"content": "</s>", **flags}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 1, **end}]}))
    plain = model_digest(tmp_path)
    assert plain.startswith("sha256:")

    def of(**said):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
        return model_digest(tmp_path)

    assert of(eos_token="</s>", pad_token=None, added_tokens_decoder={"1": end}) == plain
    assert of(eos_token={"content": "</s>"}, additional_special_tokens=["</s>"]) == plain
    assert of(added_tokens_decoder={"1": {"content": "</s>", "special": True}}) == plain
    assert of(pad_token="<pad>") == ""
    assert of(additional_special_tokens=["<|end|>"]) == ""
    assert of(extra_special_tokens={"image_token": "<image>"}) == ""
    assert of(added_tokens_decoder={"1": end | {"lstrip": True}}) == ""
    assert of(added_tokens_decoder={"1": end, "2": {"content": "<|a|>"}}) == ""
    assert of(add_bos_token=True) == ""
