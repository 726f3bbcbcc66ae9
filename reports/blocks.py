# SPDX-License-Identifier: Apache-2.0
"""What the report page is made of: text that is safe to show, numbers, marks, tables, traces.

Every function returns HTML. Arguments named `cells`, `inner` and `rows` hold HTML already; all others are plain text
and are escaped here.
"""

import html
import math
import re

from collect import passed


def esc(value):
    return html.escape(str(value), quote=True)


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def brief(value):
    """A large number in a form that can be taken in at a glance."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            divisor = {"G": 1e9, "M": 1e6, "k": 1e3}[unit]
            return f"{value / divisor:.1f} {unit}"
    return number(value)


def percent(value):
    """One digit, rounded down: 100.0 means all."""
    return "–" if value is None else f"{math.floor(value * 10 + 1e-6) / 10:.1f} %"


def moment(text):
    return esc(text.replace("T", " ").replace("Z", " UTC")) if text else "–"


def tag(tone, text):
    return f'<span class="tag {tone}">{esc(text)}</span>'


def mark(status):
    if passed(status):
        return tag("good", "✓ " + status)
    return tag("idle", status) if status == "skipped" else tag("bad", "✗ " + status)


def bar(value, floor=80.0):
    if value is None:
        return ""
    tone = "" if value >= floor else " mid" if value >= floor / 2 else " low"
    return (
        f'<span class="bar{tone}" role="img" aria-label="{percent(value)}"><i style="width:{value:.1f}%"></i></span>'
    )


def table(columns, rows, style=""):
    """columns: names; a leading '>' aligns right, a leading '~' lets text wrap. rows: cells, or (class, cells). The
    first cell of a row is its heading."""
    classes = ["n" if name.startswith(">") else "wrap" if name.startswith("~") else "" for name in columns]

    def attribute(names):
        return f' class="{names}"' if names else ""

    text = "".join(
        f'<th scope="col"{attribute(c)}>{esc(name.lstrip(">~"))}</th>' for name, c in zip(columns, classes)
    )
    lines = []
    for row in rows:
        names, cells = row if isinstance(row, tuple) else ("", row)
        line = f'<th scope="row"{attribute(classes[0])}>{cells[0]}</th>'
        line += "".join(
            cell if cell.startswith("<td") else f"<td{attribute(c)}>{cell}</td>"
            for cell, c in zip(cells[1:], classes[1:])
        )
        lines.append(f"<tr{attribute(names)}>{line}</tr>\n")
    body = "".join(lines)
    head = f"<thead><tr>{text}</tr></thead>"
    return f'<div class="scroll"><table{attribute(style)}>{head}\n<tbody>\n{body}</tbody></table></div>\n'


def lead(text):
    return f'<p class="lead">{text}</p>\n'


def source(fragment):
    if not fragment["older"]:
        return ""
    note = f'{esc(fragment["source"])} was written before the commit that is checked out.'
    return f'<p>{tag("warn", "older")} {note}</p>\n'


def folded(title, inner, open_now=False):
    return f'<details{" open" if open_now else ""}><summary>{title}</summary>\n{inner}</details>\n'


# ---------------------------------------------------------------- traces

OPERATION = re.compile(r"^(\s*)(h\d+)(\s+)(\w+)(.*?)(?:(\s+->\s*)(.*))?$")
GOOD_RESULT = re.compile(r"SUCCESS|ENTER|EXIT|VALUE|NONE|0x|\d")


def trace(text, operation):
    """A trace as text, with the agent, the call and the result told apart, and the last line that begins with
    `operation` marked: there the promise was seen to be broken."""
    lines = text.rstrip("\n").split("\n")
    hits = [index for index, line in enumerate(lines) if operation and line.strip().startswith(operation.strip())]
    shown = [trace_line(line) for line in lines]
    if hits:
        shown[hits[-1]] = f'<mark>{shown[hits[-1]]}</mark>'
    return "\n".join(shown)


def trace_line(line):
    match = OPERATION.match(line)
    if match is None:
        return f'<span class="note">{esc(line)}</span>' if re.match(r"\s*(#|touchstone \d)", line) else esc(line)
    indent, who, gap, call, arguments, arrow, result = match.groups(default="")
    tone = "ok" if GOOD_RESULT.match(result) else "no"
    return (
        f'{indent}<span class="who">{esc(who)}</span>{gap}<span class="call">{esc(call)}</span>{esc(arguments)}'
        f'{esc(arrow)}<span class="{tone}">{esc(result)}</span>'
    )
