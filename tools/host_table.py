"""The table of the WebUIs that itermix was tested on (docs/hosts.md), from the records that tools/hosts.py keeps."""

from __future__ import annotations

import json
from typing import Any

from tools import hosts

# What a record says of a host, and how the table calls it.
FACTS = {"host": "host", "version": "version", "revision": "commit", "gradio": "gradio", "python": "Python"}


def records() -> list[dict[str, Any]]:
    """By the host's name."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(hosts.RECORDS.glob("*.json"))]


def table(records: list[dict[str, Any]]) -> str:
    """One table of the hosts and one of the tests, and the samplers that were run."""
    facts = [[*(record.get(name) or "" for name in FACTS), str(len(record["samplers"]) or "")] for record in records]
    files = sorted({file for record in records for file in record["tests"]})
    results = [[f"`{file}`", *(_result(record["tests"].get(file)) for record in records)] for file in files]
    parts = [
        _markdown([*FACTS.values(), "samplers"], facts),
        _markdown(["passed", *(record["host"] for record in records)], results),
        _samplers({record["host"]: record["samplers"] for record in records if record["samplers"]}),
        *(_models(record) for record in records if record.get("models")),
    ]
    return "\n\n".join(part for part in parts if part)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _result(counts: dict[str, int] | None) -> str:
    """How many tests passed, and of how many where some failed; nothing for a file that was not run."""
    if counts is None:
        return ""
    of = f" of {counts['passed'] + counts['failed']}" if counts["failed"] else ""
    return f"{counts['passed']}{of}"


def _samplers(by_host: dict[str, list[str]]) -> str:
    """Those that all hosts have, then what each has besides."""
    if not by_host:
        return ""
    first, *others = by_host.values()
    shared = [name for name in first if all(name in other for other in others)]
    lines = [f"- {_joined(list(by_host))}: {', '.join(shared)}"]
    for host, names in by_host.items():
        own = [name for name in names if name not in shared]
        if own:
            lines.append(f"- {host} also: {', '.join(own)}")
    return "\n".join(lines)


def _models(record: dict[str, Any]) -> str:
    """By sampler and model: how far a mixed state is from what it should be at most, and how far the response to a
    change is; and what else was found of each model."""
    errors, responses, checks = (record.get(kept, {}) for kept in hosts.MODELS.values())
    samplers = list(dict.fromkeys(name for of_model in errors.values() for name in of_model))
    found = list(dict.fromkeys(name for of_model in checks.values() for name in of_model))
    rows = [[name, *(_both(errors[model], responses.get(model, {}), name) for model in errors)] for name in samplers]
    rows += [[name, *(checks.get(model, {}).get(name, "") for model in errors)] for name in found]
    return _markdown([f"on {record['host']}: state error at weight 1, response error", *errors], rows)


def _both(errors: dict[str, str], responses: dict[str, str], name: str) -> str:
    return ", ".join(found[name] for found in (errors, responses) if name in found)


def _joined(names: list[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
