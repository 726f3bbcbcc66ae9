#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All checks of a report as JUnit XML, one suite per kind of result.

A failure is something the project under test did; an error is a result that cannot be read.

    python3 reports/junit.py build/report/results.json > junit.xml
"""

import re
import sys
from xml.sax.saxutils import escape, quoteattr

import validate
from collect import passed


def render(results):
    suites = [
        ("findings", [case(f["id"], finding_failure(f)) for f in results["findings"]]),
        (
            "fuzz",
            [
                case(
                    f"{run['target']} {run['engine']}",
                    failure(f"{run['findings']} findings", "") if run["findings"] else "",
                    run["seconds"],
                )
                for run in results["fuzz"]
            ],
        ),
        (
            "corpora",
            [
                case(file["file"], "" if passed(file["status"]) else failure(file["status"], f"hash {file['hash']}"))
                for run in results["replay"]
                for file in run["files"]
            ],
        ),
        (
            "interface",
            [
                case(
                    f"{cell['group']} {cell['row']} {cell['column']}",
                    failure(f"{cell['seeds']} seeds, wanted {cell['wanted']}", "")
                    if cell["seeds"] < cell["wanted"]
                    else "",
                )
                for run in results["matrix"]
                for cell in run["cells"]
                if cell["wanted"]
            ],
        ),
        (
            "plants",
            [
                case(plant["id"], plant_failure(plant), plant.get("cpu_seconds"))
                for run in results["plants"]
                for plant in run["plants"]
            ],
        ),
        (
            "switch",
            [
                case(edge["edge"], failure(f"{edge['violations']} violations", "") if edge["violations"] else "")
                for run in results["switch"]
                for edge in run["edges"]
            ],
        ),
        (
            "boot",
            [case(check["name"], status_of(check["status"])) for run in results["qemu"] for check in run["checks"]],
        ),
        (
            "steps",
            [
                case(f"{run['script']}: {step['name']}", status_of(step["status"]), step["seconds"])
                for run in results["tests"]
                for step in run["steps"]
            ],
        ),
        (
            "tables",
            [
                case(run["title"], failure(f"{run['failed']} failed", "") if run["failed"] else "")
                for run in results["table"]
            ],
        ),
        (
            "fragments",
            [
                case(
                    entry["file"], "" if entry["status"] == "used" else f"<error message={attribute(entry['why'])}/>"
                )
                for entry in results["fragments"]
            ],
        ),
    ]
    moment = results["generated"].rstrip("Z")
    text = ['<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="touchstone">\n']
    for name, cases in suites:
        if not cases:
            continue
        inner = "".join(
            f'  <testcase classname="touchstone.{name}" name={attribute(title)} time="{seconds:.3f}">'
            f'{body}</testcase>\n'
            for title, body, seconds in cases
        )
        counts = [sum(mark in body for _, body, _ in cases) for mark in ("<failure", "<error", "<skipped")]
        text.append(
            f' <testsuite name="{name}" tests="{len(cases)}" failures="{counts[0]}" errors="{counts[1]}"'
            f' skipped="{counts[2]}"'
            f' time="{sum(seconds for _, _, seconds in cases):.3f}" timestamp="{moment}">\n{inner} </testsuite>\n'
        )
    return "".join(text) + "</testsuites>\n"


def case(name, body, seconds=None):
    return name, body, seconds or 0


def status_of(status):
    if passed(status):
        return ""
    return "<skipped/>" if status == "skipped" else failure(status, "")


def finding_failure(finding):
    if finding["status"] not in ("open", "flaky", "harness"):
        return f"<skipped message={attribute(finding['status'])}/>"
    return failure(finding["title"], finding["trace"] or finding["log"] or "")


def plant_failure(plant):
    if plant["build_failed"]:
        return failure("the planted monitor does not build", "")
    return "" if plant["detected"] else failure("not detected", "")


def failure(message, text):
    return f"<failure message={attribute(message)} type=\"failure\">{escape(printable(text))}</failure>"


def attribute(value):
    return quoteattr(printable(value), {"\n": "&#10;"})


NOT_XML = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def printable(text):
    """XML has no way to write most control characters."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(text))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 reports/junit.py RESULTS.JSON")
    sys.stdout.write(render(validate.load(sys.argv[1])))
