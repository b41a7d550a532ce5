"""Runs the host tests on a real WebUI, one file after the other, and keeps how many passed: docs/hosts/NAME.json.

`ITERMIX_HOST=/path/to/webui python -m tools.hosts reForge [--resume] [test_start.py ...]`; then
`python -m tools.document`. --resume leaves out files that passed before on the same revision of the host.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "hosts"
RECORDS = ROOT / "docs" / "hosts"
VARIABLE = "ITERMIX_HOST"  # of tests/hosts/conftest.py
FIRST = "test_start.py"  # says what the host is
FACTS = ("version", "gradio", "python", "samplers")  # that the tests tell, as properties of their report
# What the tests tell of a model, as properties "state error: NAME" that say "Euler 2e-07, DDIM refused", and where the
# record keeps it.
MODELS = {"state error: ": "models", "response error: ": "responses", "check: ": "checks"}
OUTCOMES = ("passed", "failed", "skipped")


def file_of(name: str) -> Path:
    return RECORDS / f"{name.lower()}.json"


def revision(tree: Path) -> str | None:
    """The commit of a git checkout; None for another folder."""
    done = subprocess.run(["git", "-C", tree, "rev-parse", "--short=8", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def begun(name: str, commit: str | None) -> dict[str, Any]:
    """The record of a host to go on with: the one on disk if it is of this commit, else an empty one."""
    if file_of(name).exists():
        record = json.loads(file_of(name).read_text(encoding="utf-8"))
        if record["revision"] == commit:
            return record
    return {"host": name, "revision": commit, "samplers": [], "tests": {}}


def updated(record: dict[str, Any], file: str, report: ElementTree.Element) -> dict[str, Any]:
    """The record with the result of one file, pytest's JUnit report. What the tests say of the host goes along."""
    counts = dict.fromkeys(OUTCOMES, 0)
    for case in report.iter("testcase"):
        kinds = {child.tag for child in case}
        counts["failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"] += 1
    told = {fact.get("name"): fact.get("value") for fact in report.iter("property")}
    facts: dict[str, Any] = {name: value for name, value in told.items() if name in FACTS}
    if "samplers" in facts:  # a test of all samplers does not say which one failed
        facts["samplers"] = [] if counts["failed"] else facts["samplers"].split(", ")
    for said, kept in MODELS.items():
        of = {name.removeprefix(said): _errors(value) for name, value in told.items() if name.startswith(said)}
        if of:
            facts[kept] = {**record.get(kept, {}), **of}
    return {**record, **facts, "tests": dict(sorted({**record["tests"], file: counts}.items()))}


def _errors(text: str) -> dict[str, str]:
    """{"Euler": "2e-07", ...}"""
    return dict(part.rsplit(" ", 1) for part in text.split(", "))


def is_done(record: dict[str, Any], file: str) -> bool:
    counts = record["tests"].get(file)
    return counts is not None and not counts["failed"]


def run(file: str) -> ElementTree.Element:
    """pytest's report of one file. Raises RuntimeError where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", TESTS / file, "-q", "--tb=short", f"--junitxml={report}"]
        code = subprocess.run(command, cwd=ROOT).returncode
        if code not in (0, 1):  # 1: tests failed
            raise RuntimeError(f"{file}: pytest ended with {code}")
        return ElementTree.parse(report).getroot()


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 1 where a test of this host has failed, now or before."""
    chosen = _parsed(arguments)
    commit = revision(Path(os.environ[VARIABLE]))
    for file in chosen.files:
        if chosen.resume and is_done(begun(chosen.name, commit), file):
            continue
        report = run(file)
        record = updated(begun(chosen.name, commit), file, report)  # read late: another run may have written to it
        RECORDS.mkdir(parents=True, exist_ok=True)
        file_of(chosen.name).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    failed = [file for file, counts in begun(chosen.name, commit)["tests"].items() if counts["failed"]]
    print(f"{chosen.name}: {', '.join(failed) + ' failed' if failed else 'all passed'}")
    return 1 if failed else 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """The host's name, the files to run, and whether to resume. Exits with 2 where that cannot be done."""
    there = sorted((path.name for path in TESTS.glob("test_*.py")), key=lambda name: name != FIRST)
    parser = argparse.ArgumentParser(prog="python -m tools.hosts", description=__doc__.partition("\n\n")[0])
    parser.add_argument("name", help="the host's, as the README shall call it")
    parser.add_argument("files", nargs="*", metavar="FILE", help="of tests/hosts; all of them if none is named")
    parser.add_argument("--resume", action="store_true", help="leave out what passed before")
    chosen = parser.parse_intermixed_args(arguments)
    unknown = [file for file in chosen.files if file not in there]
    if unknown:
        parser.error(f"{unknown[0]}: not in tests/hosts; there are {', '.join(there)}")
    if not os.environ.get(VARIABLE):
        parser.error(f"{VARIABLE} is not set; set it to the folder of an installed WebUI")
    chosen.files = chosen.files or there
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
