#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Findings of a report as SARIF 2.1.0.

Services refuse a whole file when one result has no location, so every result has one: the line of the call in
monitor/abi/calls.def when the finding names a call, and otherwise the source of the fuzz target. The calls of the
trace become the code flow. A fingerprint of oracle, property and call lets a service recognise the same bug again.

    python3 reports/sarif.py build/report/results.json > touchstone.sarif
"""

import hashlib
import os
import re
import sys

import files
import validate
from collect import SEVERITIES

CALLS = "monitor/abi/calls.def"
MAX_STEPS = 1000

ORACLES = {
    "OWN": "Each frame of the window has one state and one owner, and nobody else has a way to it.",
    "LIV": "Locks are balanced, work is bounded, and no caller can stop the monitor.",
    "ORD": "Fences, PMP writes, translation roots and scrubs happen in the required order.",
    "NI": "What the host sees does not depend on a guest's secrets.",
    "REF": "Results and state equal an independent model of the ABI.",
    "SAN": "No memory error, no undefined behaviour, no use of uninitialised memory.",
    "ATT": "Measurements equal an independent recomputation.",
    "REG": "Every register and CSR is right after a world switch.",
}
SCORES = {"S0": "9.0", "S1": "8.5", "S2": "8.0", "S3": "6.5", "S4": "3.5", "S5": "2.0"}


def call_lines(root):
    """Line of each call in the ABI table, for locations. Empty when there is no table to look at."""
    try:
        with open(os.path.join(root, CALLS), encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return {}
    found = {}
    for index, line in enumerate(lines, 1):
        match = re.match(r"\s*ABI_CALL(?:_UNSERVED)?\(\s*0x[0-9a-fA-F]+,\s*\w+,\s*\w+,\s*\w+,\s*(\w+)", line)
        if match:
            found[match.group(1)] = index
    return found


def convert(results, lines):
    """The SARIF log. `lines` is what call_lines gives."""
    rules, index = [], {}
    for finding in results["findings"]:
        name = rule_id(finding)
        if name not in index:
            index[name] = len(rules)
            rules.append(rule(name, finding))
    driver = {
        "name": "Touchstone",
        "informationUri": "https://github.com/riscv-non-isa/riscv-ap-tee",
        "semanticVersion": "0.1.0",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [result(finding, index[rule_id(finding)], lines) for finding in results["findings"]],
    }
    if results["project"]["commit"]:
        run["properties"] = {"commit": results["project"]["commit"], "modified": results["project"]["modified"]}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def rule_id(finding):
    name = ".".join(part for part in (finding["oracle"] or "UNEXPLAINED", finding["property"]) if part)
    return re.sub(r"[^\w.-]+", "-", name)


def level(severity):
    return {"S4": "warning", "S5": "note"}.get(severity, "error")


def rule(name, finding):
    promise = ORACLES.get(finding["oracle"], "An input was kept that has not been explained yet.")
    return {
        "id": name,
        "name": re.sub(r"\W", "", name.title()),
        "shortDescription": {"text": f"{name}: {SEVERITIES.get(finding['severity'], 'not graded')}"},
        "fullDescription": {"text": promise},
        "help": {"text": f"{promise} Replay the trace of a result with ci/touchstone run."},
        "defaultConfiguration": {"level": level(finding["severity"])},
        "properties": {"tags": ["security", "fuzzing"], "security-severity": SCORES.get(finding["severity"], "5.0")},
    }


def place(uri, line):
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line},
        }
    }


def location(finding, lines):
    if finding["call"] in lines:
        return place(CALLS, lines[finding["call"]])
    return place(f"harness/targets/{finding['target'] or 'host_abi_fuzzer'}.c", 1)


def fingerprint(finding):
    """The same for the same bug: what was broken and by which call, and only if that is unknown, the input itself."""
    key = [finding["oracle"], finding["property"], finding["call"]]
    text = "/".join(part or "-" for part in key) if finding["oracle"] else finding["id"]
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def result(finding, rule_index, lines):
    text = finding["title"] + (f"\nShown again by: {finding['reproduce']}" if finding["reproduce"] else "")
    entry = {
        "ruleId": rule_id(finding),
        "ruleIndex": rule_index,
        "level": level(finding["severity"]),
        "message": {"text": text},
        "locations": [location(finding, lines)],
        "occurrenceCount": finding["count"],
        "partialFingerprints": {"touchstoneDedup/v1": fingerprint(finding)},
    }
    steps = code_flow(finding, lines)
    if steps:
        entry["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if finding["status"] not in ("open", "flaky", "harness"):
        entry["suppressions"] = [{"kind": "external", "justification": finding["status"]}]
    return entry


def code_flow(finding, lines):
    """One step per operation of the trace."""
    steps = []
    for line in (finding["trace"] or "").splitlines():
        match = re.match(r"\s*h\d+\s+(\w+)", line)
        if not match:
            continue
        call = match.group(1)
        where = place(CALLS, lines[call]) if call in lines else location(finding, lines)
        steps.append({"location": {**where, "message": {"text": line.strip()}}, "executionOrder": len(steps) + 1})
        if len(steps) == MAX_STEPS:
            break
    return steps


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 reports/sarif.py RESULTS.JSON")
    HERE = os.path.dirname(os.path.abspath(__file__))
    sys.stdout.write(files.to_json(convert(validate.load(sys.argv[1]), call_lines(os.path.dirname(HERE)))))
