"""Every block of infra/docs/python.md, one after the other, as it stands; the first has the test's own files."""

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("pandas")

from conftest import ROOT, stop  # noqa: E402

PAGE = ROOT / "infra" / "docs" / "python.md"


def blocks():
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_runs(launcher, connection, golden, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    settings, *rest = blocks()
    assert len(rest) == 7
    lines = (golden / "data_mcq" / "train.jsonl").read_text().splitlines()
    for name, some in (("train", lines[:40]), ("validation", lines[40:64]), ("test", lines[64:94])):
        (tmp_path / f"sst2-{name}.jsonl").write_text("\n".join(some) + "\n")
    names = {}
    exec(settings, names)
    names.update(MODEL=str(golden / "model"), BOOTSTRAP=connection.bootstrap_servers, STEPS=5)
    names.update(REGISTRY=connection.schema_registry, RUN="page-1")
    processes = [launcher.start("fit", "--state-dir", tmp_path / "state")]
    try:
        for number, block in enumerate(rest):
            if "client.ask" in block:
                processes.append(launcher.start("score", "--run", "page-1", "--model", golden / "model"))
            exec(compile(block, f"python.md, block {number + 2}", "exec"), names)
    finally:
        for process in processes:
            stop(process)
    assert names["callback"].counts["dropped"] == 0 and names["callback"].counts["unusable"] == 0
    assert len(names["answers"]) == 30 and names["curve"].iloc[-1] == names["frame"]["right"].mean()
    said = capsys.readouterr().out
    assert "COMPLETE" in said and "acc_stderr,map" in said and "coverage 100%" in said
