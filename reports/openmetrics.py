#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers of a report as OpenMetrics text, for a node-exporter text file or any scraper.

    python3 reports/openmetrics.py build/report/results.json > metrics.prom
"""

import sys

import validate
from collect import passed


def render(results):
    families = [
        (
            "executions",
            "counter",
            "inputs run by a fuzzer",
            [(engine(run), run["executions"]) for run in results["fuzz"]],
        ),
        (
            "edges",
            "gauge",
            "control-flow edges reached, as the engine counts them",
            [(engine(run), run["edges"]) for run in results["fuzz"]],
        ),
        (
            "corpus_entries",
            "gauge",
            "inputs kept because they reach something new",
            [(engine(run), run["corpus"]) for run in results["fuzz"]],
        ),
        (
            "stability_ratio",
            "gauge",
            "share of edges that behave the same when an input is run again",
            [(engine(run), run["stability"] / 100) for run in results["fuzz"] if run["stability"] is not None],
        ),
        (
            "fuzz_findings",
            "counter",
            "inputs that broke a promise",
            [(engine(run), run["findings"]) for run in results["fuzz"]],
        ),
        ("open_findings", "gauge", "reproducers kept", [({}, results["totals"]["open_findings"])]),
        (
            "coverage_lines",
            "gauge",
            "lines of the monitor",
            [({"file": file["file"]}, file["lines"]) for run in results["coverage"] for file in run["files"]],
        ),
        (
            "coverage_lines_covered",
            "gauge",
            "lines of the monitor that the seeds reach",
            [({"file": file["file"]}, file["covered"]) for run in results["coverage"] for file in run["files"]],
        ),
        (
            "interface_cell_seeds",
            "gauge",
            "seeds that reach a wanted cell of the interface",
            [
                ({"group": cell["group"], "row": cell["row"], "column": cell["column"]}, cell["seeds"])
                for run in results["matrix"]
                for cell in run["cells"]
                if cell["wanted"]
            ],
        ),
        (
            "code_lines",
            "gauge",
            "lines of code of the monitor",
            [({"file": file["file"]}, file["code"]) for run in results["size"] for file in run["files"]],
        ),
        (
            "plant_detected",
            "gauge",
            "1 when the harness detects this planted bug",
            [
                ({"plant": plant["id"]}, int(plant["detected"]))
                for run in results["plants"]
                for plant in run["plants"]
            ],
        ),
        (
            "switch_replays",
            "counter",
            "replays of the firmware's world switch",
            [({"edge": edge["edge"]}, edge["replays"]) for run in results["switch"] for edge in run["edges"]],
        ),
        (
            "switch_violations",
            "counter",
            "replays that left a register or CSR wrong",
            [({"edge": edge["edge"]}, edge["violations"]) for run in results["switch"] for edge in run["edges"]],
        ),
        (
            "boot_check_passed",
            "gauge",
            "1 when this check of the QEMU boot passed",
            [
                ({"check": check["name"]}, int(passed(check["status"])))
                for run in results["qemu"]
                for check in run["checks"]
            ],
        ),
        (
            "step_passed",
            "gauge",
            "1 when this step of an entry script passed",
            [
                ({"script": run["script"], "step": step["name"]}, int(step["status"] == "passed"))
                for run in results["tests"]
                for step in run["steps"]
            ],
        ),
        (
            "bench_value",
            "gauge",
            "a measured rate or cost",
            [
                ({"name": row["name"], "unit": row["unit"]}, row["value"])
                for run in results["bench"]
                for row in run["rows"]
            ],
        ),
        (
            "verdict",
            "gauge",
            "1 for the verdict of this report",
            [
                ({"state": state}, int(state == results["verdict"]["state"]))
                for state in ("clean", "finding", "failed", "unknown")
            ],
        ),
    ]
    return "".join(family(*one) for one in families) + "# EOF\n"


def engine(run):
    return {"target": run["target"], "engine": run["engine"]}


def family(name, kind, text, samples):
    """One metric family, or nothing when there is no sample. Equal label sets would make the text invalid, so the
    last of them stands."""
    if not samples:
        return ""
    name = f"touchstone_{name}"
    lines = [f"# TYPE {name} {kind}", f"# HELP {name} {text}"]
    values = {}
    for labels, value in samples:
        values[",".join(f'{key}="{escape(text)}"' for key, text in labels.items())] = value
    suffix = "_total" if kind == "counter" else ""
    lines += [f"{name}{suffix}{'{' + labels + '}' if labels else ''} {value}" for labels, value in values.items()]
    return "\n".join(lines) + "\n"


def escape(value):
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 reports/openmetrics.py RESULTS.JSON")
    sys.stdout.write(render(validate.load(sys.argv[1])))
