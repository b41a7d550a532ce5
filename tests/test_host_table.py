"""The table of hosts says what the records say, and a record what pytest reported."""

import json
import re
from xml.etree import ElementTree

import pytest

from tools import host_table, hosts

REPORT = """<testsuites><testsuite>
<properties><property name="version" value="v1"/><property name="samplers" value="Euler, Euler a"/>
<property name="hypothesis" value="much"/></properties>
<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><error/></testcase>
<testcase name="d"><skipped/></testcase><testcase name="e"/></testsuite></testsuites>"""


def record(name, **more):
    return {"host": name, "revision": "abc", "version": "v1", "gradio": "3", "python": "3.11", "samplers": [], **more}


def test_the_table_shows_who_passed_what():
    one = record("One", samplers=["Euler", "LCM"], tests={"test_a.py": dict(passed=3, failed=0, skipped=1)})
    two = record("Two", samplers=["LCM", "DEIS"], tests={"test_b.py": dict(passed=2, failed=1, skipped=0)})
    assert host_table.table([one, two]).splitlines() == [
        "| host | version | commit | gradio | Python | samplers |",
        "|---|---|---|---|---|---|",
        "| One | v1 | abc | 3 | 3.11 | 2 |",
        "| Two | v1 | abc | 3 | 3.11 | 2 |",
        "",
        "| passed | One | Two |",
        "|---|---|---|",
        "| `test_a.py` | 3 |  |",
        "| `test_b.py` |  | 2 of 3 |",
        "",
        "- One and Two: LCM",
        "- One also: Euler",
        "- Two also: DEIS",
    ]


def test_the_table_shows_how_far_states_and_responses_are_on_each_model():
    models = {"flux": {"Euler": "2e-07", "DDIM": "refused"}, "wan": {"Euler": "3e-07", "LCM": "0e+00"}}
    more = {"responses": {"flux": {"Euler": "1e-06"}}, "checks": {"wan": {"off": "bit-identical"}}}
    kept = record("One", tests={"test_a.py": dict(passed=3, failed=0, skipped=1)}, models=models, **more)
    assert host_table.table([kept]).splitlines()[-6:] == [
        "| on One: state error at weight 1, response error | flux | wan |",
        "|---|---|---|",
        "| Euler | 2e-07, 1e-06 | 3e-07 |",
        "| DDIM | refused |  |",
        "| LCM |  | 0e+00 |",
        "| off |  | bit-identical |",
    ]


def test_the_states_of_a_model_are_kept_beside_those_of_others():
    report = ElementTree.fromstring(
        '<t><property name="state error: wan" value="DPM++ 2M SDE 1e-07, DDIM refused"/><testcase/>'
        '<property name="response error: wan" value="Euler 2e-06"/></t>'
    )
    old = {"tests": {}, "samplers": [], "models": {"flux": {"Euler": "2e-07"}}}
    new = hosts.updated(old, "test_models.py", report)
    assert new["models"] == {
        "flux": {"Euler": "2e-07"}, "wan": {"DPM++ 2M SDE": "1e-07", "DDIM": "refused"},
    }  # fmt: skip
    assert new["responses"] == {"wan": {"Euler": "2e-06"}}


def test_a_report_is_counted_and_what_it_says_of_the_host_is_kept():
    old = {"tests": {"test_b.py": dict(passed=1, failed=0, skipped=0)}, "samplers": []}
    new = hosts.updated(old, "test_a.py", ElementTree.fromstring(REPORT))
    assert new["version"] == "v1" and new["tests"]["test_a.py"] == dict(passed=2, failed=2, skipped=1)
    assert set(new) == {"tests", "samplers", "version"}
    assert list(new["tests"]) == ["test_a.py", "test_b.py"] and "test_a.py" not in old["tests"]


def test_samplers_count_as_run_only_where_no_test_of_them_failed():
    old = {"tests": {}, "samplers": ["LCM"]}
    assert hosts.updated(old, "test_a.py", ElementTree.fromstring(REPORT))["samplers"] == []
    passed = re.sub("<failure/>|<error/>", "", REPORT)
    assert hosts.updated(old, "test_a.py", ElementTree.fromstring(passed))["samplers"] == ["Euler", "Euler a"]


def test_only_a_file_that_passed_is_left_out_when_it_is_resumed():
    run = {"tests": {"a": dict(passed=2, failed=0, skipped=0), "b": dict(passed=2, failed=1, skipped=0)}}
    assert [hosts.is_done(run, file) for file in "abc"] == [True, False, False]


def test_another_revision_of_a_host_begins_a_new_record(tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "RECORDS", tmp_path)
    kept = record("One", tests={"a": dict(passed=2, failed=0, skipped=0)})
    hosts.file_of("One").write_text(json.dumps(kept))
    assert hosts.begun("One", "abc") == kept
    assert hosts.begun("One", "2") == {"host": "One", "revision": "2", "samplers": [], "tests": {}}


def test_a_run_is_kept_file_by_file_and_resumed_where_it_failed(tmp_path, monkeypatch, capsys):
    failing, good = (f"<t>{case}</t>" for case in ("<testcase><failure/></testcase>", "<testcase/>"))
    reports = {"test_start.py": [good], "test_xyz.py": [failing, good]}
    monkeypatch.setattr(hosts, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(hosts, "run", lambda file: ElementTree.fromstring(reports[file].pop(0)))
    monkeypatch.setenv(hosts.VARIABLE, str(tmp_path))
    command = ["One", "test_start.py", "test_xyz.py", "--resume"]
    assert [hosts.main(command), hosts.main(command), hosts.main(command)] == [1, 0, 0]
    assert reports == {"test_start.py": [], "test_xyz.py": []}
    assert "test_xyz.py failed" in capsys.readouterr().out
    once = dict(passed=1, failed=0, skipped=0)
    assert hosts.begun("One", None)["tests"] == {"test_start.py": once, "test_xyz.py": once}


@pytest.mark.parametrize("arguments, message", [
    (["One", "test_none.py"], "test_none.py: not in tests/hosts; there are test_start.py"),
    (["One"], "ITERMIX_HOST is not set"),
])  # fmt: skip
def test_what_cannot_be_run_is_named(monkeypatch, capsys, arguments, message):
    monkeypatch.delenv(hosts.VARIABLE, raising=False)
    with pytest.raises(SystemExit):
        hosts.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("file", sorted(hosts.RECORDS.glob("*.json")), ids=lambda file: file.stem)
def test_a_record_says_what_was_run_and_where_without_a_path_of_a_machine(file):
    text = file.read_text(encoding="utf-8")
    kept = json.loads(text)
    assert set(kept) - {"models", "responses", "checks"} == {
        "host",
        "revision",
        "version",
        "gradio",
        "python",
        "samplers",
        "tests",
    }
    assert hosts.file_of(kept["host"]) == file and "/" not in text and "\\" not in text
    assert all((hosts.TESTS / name).exists() for name in kept["tests"])
    assert all(tuple(counts) == hosts.OUTCOMES for counts in kept["tests"].values())
