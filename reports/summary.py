# SPDX-License-Identifier: Apache-2.0
"""The report in short, as Markdown: for a job summary or a pull request."""

import re


def cell(value):
    """Text that stays inside its table cell and formats nothing."""
    return re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", " ".join(str(value).split()))


def render(results):
    verdict, totals = results["verdict"], results["totals"]
    lines = [f"## Touchstone: {verdict['text'].lower()}", ""]
    lines += [f"- {cell(reason)}" for reason in verdict["reasons"]]
    if results["missing"]:
        lines.append(f"- not run: {', '.join(results['missing'])}")
    lines += [
        "",
        "| target | engine | executions | edges | corpus | stability | findings |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for run in results["fuzz"]:
        stability = "" if run["stability"] is None else f"{run['stability']:.2f} %"
        lines.append(
            f"| {cell(run['target'])} | {cell(run['engine'])} | {run['executions']} | {run['edges']} "
            f"| {run['corpus']} | {stability} | {run['findings']} |"
        )
    lines += ["", "| check | result |", "|---|---|"]
    rows = (
        ("coverage", "lines reached by the seeds alone", f"{totals['coverage_percent']} %"),
        ("matrix", "cells of the interface reached", f"{totals['cells_reached']} of {totals['cells']}"),
        ("size", "lines of code of the monitor", f"{totals['code_lines']}"),
        ("plants", "planted bugs detected", f"{totals['plants_detected']} of {totals['plants']}"),
        (
            "switch",
            "violations in the world switch",
            f"{totals['switch_violations']} in {totals['switch_replays']} replays",
        ),
        (
            "qemu",
            "checks of the QEMU boot",
            f"{totals['checks'] - totals['checks_failed']} of {totals['checks']} passed",
        ),
        (
            "tests",
            "steps of the scripts",
            f"{totals['steps'] - totals['steps_failed'] - totals['steps_skipped']} of {totals['steps']} passed",
        ),
    )
    lines += [f"| {name} | {value if results[kind] else 'not run'} |" for kind, name, value in rows]
    if results["findings"]:
        lines += ["", "| finding | severity | oracle | shown again by |", "|---|---|---|---|"]
        lines += [
            f"| {cell(f['title'])} | {f['severity'] or ''} | {cell(f['oracle'] or '')} "
            f"| {cell(f['reproduce'] or '')} |"
            for f in results["findings"][:50]
        ]
    return "\n".join(lines) + "\n"
