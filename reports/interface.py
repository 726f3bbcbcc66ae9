# SPDX-License-Identifier: Apache-2.0
"""Sections of the page about the interface and the size of the monitor.

The matrix has a row per call, exit or state and says for each outcome how many seeds reach it. A cell that no trace can
reach keeps its reason on the page, so that it can be doubted.
"""

import os

from blocks import esc, folded, lead, number, source, table, tag

TITLES = {
    "call": "Calls and their outcomes",
    "state": "Calls by state of the TVM",
    "exit": "Exits of a guest",
    "fault": "Guest faults by region",
    "mmio": "Emulated devices",
    "hart": "Harts, from row to column",
    "hsm": "What hart_get_status says",
    "tvm": "TVMs, from row to column",
    "vcpu": "vCPUs, from row to column",
    "page": "Frames, from row to column",
    "region": "Regions of guest memory, from row to column",
}


def matrix(results, not_run):
    text = lead("Is every outcome that the interface names reached by a seed, and does nothing else happen?")
    if not results["matrix"]:
        return text + not_run("matrix")
    for run in results["matrix"]:
        wanted = [cell for cell in run["cells"] if cell["wanted"]]
        reached = sum(cell["seeds"] >= cell["wanted"] for cell in wanted)
        tone = "good" if reached == len(wanted) else "bad"
        text += source(run) + f'<p>{tag(tone, f"{reached} of {len(wanted)}")} wanted cells reached; '
        text += f"{len(run['cells']) - len(wanted)} more are named by the interface and cannot be reached here.</p>\n"
        text += "".join(f'<p>{tag("bad", "not listed")} {esc(name)}</p>\n' for name in run["surprises"])
        groups = {}
        for cell in run["cells"]:
            groups.setdefault(cell["group"], []).append(cell)
        for group, cells in groups.items():
            text += folded(heading(group, cells), group_table(cells), any(is_wrong(cell) for cell in cells))
    return text


def is_wrong(cell):
    return cell["seeds"] < cell["wanted"] or ("unreachable" in cell and cell["seeds"] > 0)


def heading(group, cells):
    wanted = [cell for cell in cells if cell["wanted"]]
    reached = sum(cell["seeds"] >= cell["wanted"] for cell in wanted)
    return f"{esc(TITLES.get(group, group))}: {reached} of {len(wanted)}"


def group_table(cells):
    rows = {}
    for cell in cells:
        rows.setdefault(cell["row"], []).append(cell)
    lines = []
    for row, columns in rows.items():
        shown = " ".join(outcome(cell) for cell in columns)
        sources = ", ".join(dict.fromkeys(cell.get("source", "") for cell in columns))
        reasons = "".join(
            f"<small>{esc(cell['column'])}: {esc(cell['unreachable'])}</small>"
            for cell in columns
            if "unreachable" in cell
        )
        lines.append([esc(row), shown + reasons, esc(sources)])
    return table(["row", "~outcomes, and seeds that reach them", "~source"], lines)


def outcome(cell):
    if "unreachable" in cell:
        return tag("bad" if cell["seeds"] else "idle", f"{cell['column']} {cell['seeds'] or '–'}")
    return tag("bad" if is_wrong(cell) else "good", f"{cell['column']} {cell['seeds']}")


def size(results, not_run):
    text = lead("How much code is trusted, and how deep do its stacks get?")
    if not results["size"]:
        return text + not_run("size")
    for run in results["size"]:
        tone = "good" if run["total"] <= run["limit"] else "bad"
        text += source(run) + f'<p>{tag(tone, number(run["total"]))} lines of code in {len(run["files"])} files, '
        text += f'limit {number(run["limit"])}, by {esc(run.get("counter", "cloc"))}; without tests, proofs and the '
        text += "hash library.</p>\n"
        folders = {}
        for file in run["files"]:
            folder = os.path.dirname(file["file"]) or "."
            folders.setdefault(folder, []).append(file["code"])
        rows = [[esc(name + "/"), number(len(codes)), number(sum(codes))] for name, codes in sorted(folders.items())]
        text += table(["folder", ">files", ">lines of code"], rows)
        rows = [
            [
                esc(stack["entry"]),
                tag("good" if stack["bytes"] <= stack["room"] else "bad", number(stack["bytes"])),
                number(stack["room"]),
            ]
            for stack in run["stacks"]
        ]
        text += table(["entry path", ">deepest, bytes", ">room before the guard page"], rows)
    return text


def uncovered(lines):
    """Lines that no seed reaches, each with the reason why that is so."""
    if not lines:
        return ""
    rows = [
        [
            esc(f'{line["file"]}: {line["function"]}'),
            f'<code>{esc(line["text"])}</code>',
            esc(line["reason"]) if line["reason"] else tag("bad", "no reason given"),
        ]
        for line in lines
    ]
    return folded(f"{len(rows)} lines that no seed reaches", table(["where", "~line", "~why"], rows))
