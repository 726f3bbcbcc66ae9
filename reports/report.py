#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report of a run.

Reads what the steps of a run left in build/results and findings/, and writes, to build/report:

    results.json        everything, as results-1.schema.json describes it
    index.html          one page for people, complete in itself
    summary.md          the same in short, also appended to $GITHUB_STEP_SUMMARY when that is set
    touchstone.sarif    findings for code-scanning services
    junit.xml           all checks as test cases
    metrics.prom        the numbers as OpenMetrics text
    badges/             small pictures and their shields.io endpoints
    history.jsonl       one line per report, ever

Exit code: 0 written; 1 written, but a fragment could not be used (it is named here and in the report); 2 usage;
4 the report could not be written.
"""

import argparse
import os
import sys

import badges
import collect
import files
import junit
import openmetrics
import page
import sarif
import summary
import validate

HERE = os.path.dirname(os.path.abspath(__file__))


def write_report(root, build, out):
    """Collects and writes everything. Returns the results document."""
    results = collect.collect(root, build)
    schema = validate.load(os.path.join(HERE, "results-1.schema.json"))
    mistakes = validate.validate(results, schema)
    if mistakes:
        raise AssertionError(f"the results do not have the documented shape: {mistakes[0]}")

    history = os.path.join(out, "history.jsonl")
    earlier = files.read_history(history, 10)
    has_lines = os.path.isfile(os.path.join(out, "coverage", "index.html"))
    texts = {
        "results.json": files.to_json(results),
        "index.html": page.render(results, earlier, "coverage/index.html" if has_lines else None),
        "summary.md": summary.render(results),
        "touchstone.sarif": files.to_json(sarif.convert(results, sarif.call_lines(root))),
        "junit.xml": junit.render(results),
        "metrics.prom": openmetrics.render(results),
    }
    for name, text in texts.items():
        files.write_whole(os.path.join(out, name), text)
    badges.write_all(results, os.path.join(out, "badges"))
    files.append_history(history, files.history_line(results))
    job_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if job_summary:
        with open(job_summary, "a", encoding="utf-8") as stream:
            stream.write(texts["summary.md"])
    return results


def main(arguments):
    root = os.path.dirname(HERE)
    parser = argparse.ArgumentParser(description="Writes the report of a run.")
    parser.add_argument("--root", default=root, help="top of the source tree (default: where this script is)")
    parser.add_argument("--build", help="build folder with results/ in it (default: ROOT/build)")
    parser.add_argument("--out", help="folder to write to (default: BUILD/report)")
    options = parser.parse_args(arguments)
    root = os.path.abspath(options.root)
    build = os.path.abspath(options.build or os.path.join(root, "build"))
    out = os.path.abspath(options.out or os.path.join(build, "report"))
    try:
        results = write_report(root, build, out)
    except OSError as error:
        print(f"reports/report.py: {error.filename or out}: {error.strerror}", file=sys.stderr)
        return 4
    broken = [entry for entry in results["fragments"] if entry["status"] != "used"]
    for entry in broken:
        print(f"reports/report.py: {entry['file']}: not used: {entry['why']}", file=sys.stderr)
    verdict = results["verdict"]
    print(f"{verdict['text']}{': ' if verdict['reasons'] else ''}{'; '.join(verdict['reasons'])}")
    if results["missing"]:
        print(f"not in this report: {', '.join(results['missing'])}")
    print(os.path.join(out, "index.html"))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
