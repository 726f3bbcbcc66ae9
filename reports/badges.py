#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small pictures of a report: an SVG and a shields.io endpoint for each badge.

A badge whose step was not run says so; it is never left at an older value and never green.

    python3 reports/badges.py build/report/results.json FOLDER
"""

import html
import os
import sys

import files
import validate

COLOURS = {"brightgreen": "#2f8f52", "yellow": "#b58900", "red": "#c0392b", "lightgrey": "#7d7d7d"}


def badges(results):
    """Name, label, message and colour of each badge."""
    totals = results["totals"]
    found = (totals["open_findings"] or totals["fuzz_findings"]) + totals["switch_violations"]
    engines = " + ".join(dict.fromkeys(run["engine"] for run in results["fuzz"]))
    percent = totals["coverage_percent"]
    below = any(run["total"].get("passed") is False for run in results["coverage"])
    state = {"clean": "brightgreen", "unknown": "lightgrey"}.get(results["verdict"]["state"], "red")
    known = (
        ("verdict", "touchstone", results["verdict"]["text"].lower(), state, state != "lightgrey"),
        (
            "fuzzing",
            "fuzzing",
            f"{engines}: {found} open" if found else f"{engines}: clean",
            "red" if found else "brightgreen",
            bool(results["fuzz"]),
        ),
        ("coverage", "coverage by seeds", f"{percent} %", "red" if below else "brightgreen", percent is not None),
        (
            "interface",
            "interface by seeds",
            f"{totals['cells_reached']} of {totals['cells']} cells",
            "brightgreen" if totals["cells_reached"] == totals["cells"] else "red",
            bool(totals["cells"]),
        ),
        (
            "size",
            "monitor",
            f"{totals['code_lines']} lines",
            "brightgreen" if all(run["passed"] for run in results["size"]) else "red",
            bool(totals["code_lines"]),
        ),
        (
            "plants",
            "planted bugs detected",
            f"{totals['plants_detected']} of {totals['plants']}",
            "brightgreen" if totals["plants_detected"] == totals["plants"] else "red",
            bool(totals["plants"]),
        ),
        (
            "boot",
            "QEMU boot",
            f"{totals['checks'] - totals['checks_failed']} of {totals['checks']}",
            "red" if totals["checks_failed"] else "brightgreen",
            bool(totals["checks"]),
        ),
    )
    for name, label, message, colour, run in known:
        yield (name, label, message, colour) if run else (name, label, "not run", "lightgrey")


def endpoint(label, message, colour):
    return files.to_json({"schemaVersion": 1, "label": label, "message": message, "color": colour})


def width(text):
    """Pixels of a text in an 11 px sans-serif, near enough; the SVG stretches the text to exactly this."""
    narrow = sum(c in "ilj.,:;|!'ft1 " for c in text)
    wide = sum(c in "mwMW%@" for c in text)
    return round(6.6 * (len(text) - narrow - wide) + 4.0 * narrow + 9.6 * wide)


def svg(label, message, colour):
    left, right = width(label) + 12, width(message) + 12
    title = html.escape(f"{label}: {message}", quote=True)
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>'
        for text, x, length in ((label, 6, left - 12), (message, left + 6, right - 12))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="round"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#round)"><rect width="{left}" height="20" fill="#4a4a4f"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{COLOURS[colour]}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )


def write_all(results, folder):
    for name, label, message, colour in badges(results):
        files.write_whole(os.path.join(folder, f"{name}.json"), endpoint(label, message, colour))
        files.write_whole(os.path.join(folder, f"{name}.svg"), svg(label, message, colour))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python3 reports/badges.py RESULTS.JSON FOLDER")
    write_all(validate.load(sys.argv[1]), sys.argv[2])
