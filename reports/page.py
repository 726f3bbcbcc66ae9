# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page: no script, nothing loaded from anywhere, everything escaped.

Each section answers one question and stands there even when its step was not run, because a check that did not
happen must not look like one that passed.
"""

import os

import interface
from blocks import bar, brief, esc, folded, lead, mark, moment, number, percent, source, table, tag, trace
from collect import KINDS, SEVERITIES, passed, share

HERE = os.path.dirname(os.path.abspath(__file__))

MANY = 20  # more rows than this are folded away

HOW_TO = {
    "fuzz": "ci/fuzz",
    "replay": "ci/fuzz",
    "matrix": "ci/matrix",
    "coverage": "ci/coverage",
    "size": "ci/monitor-size",
    "plants": "ci/plants",
    "switch": "ci/replay-switch",
    "qemu": "ci/boot-qemu",
    "tests": "ci/test",
    "bench": "ci/bench",
}


def render(results, earlier, line_coverage):
    """The page. `earlier` are lines of the history, `line_coverage` a link to line-by-line coverage or None."""
    with open(os.path.join(HERE, "page.css"), encoding="utf-8") as stream:
        style = stream.read()
    sections = (
        ("findings", "Findings", findings(results)),
        ("fuzz", "Fuzzing", fuzz(results)),
        ("replay", "Corpora", replay(results)),
        ("matrix", "Interface", interface.matrix(results, not_run)),
        ("coverage", "Coverage", coverage(results, line_coverage)),
        ("size", "Size", interface.size(results, not_run)),
        ("plants", "Planted bugs", plants(results)),
        ("switch", "World switch", switch(results)),
        ("qemu", "Boot", boot(results)),
        ("tests", "Checks", tests(results)),
        ("bench", "Speed", bench(results)),
        *((f"table-{run['name']}", run["title"], any_table(run)) for run in results["table"]),
        ("history", "Earlier reports", history(earlier)),
        ("environment", "Surroundings", environment(results)),
    )
    body = "".join(f'<section id="{key}"><h2>{esc(title)}</h2>\n{text}</section>\n' for key, title, text in sections)
    links = " ".join(f'<a href="#{key}">{esc(title)}</a>' for key, title, _ in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Touchstone: {esc(results['verdict']['text'].lower())}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n"
        f"{head(results)}<nav>{links}</nav>\n<main>\n{body}</main>\n"
        "<footer>Made by reports/report.py; results.json beside this page holds the same facts for programs.</footer>"
        "</body>\n</html>\n"
    )


# ---------------------------------------------------------------- sections


def not_run(kind):
    return f'<p>{tag("idle", "not run")} No result in this report; <code>{HOW_TO[kind]}</code> makes one.</p>\n'


def head(results):
    verdict, project, totals = results["verdict"], results["project"], results["totals"]
    commit = "no git checkout"
    if project["commit"]:
        commit = f'commit <code title="{project["commit"]}">{project["commit"][:10]}</code>'
        commit += " with local changes" if project["modified"] else ""
        commit += f' “{esc(project["subject"])}”' if project["subject"] else ""
    reasons = "".join(f"<li>{esc(reason)}</li>" for reason in verdict["reasons"])
    reasons = f"<ul>{reasons}</ul>" if reasons else ""
    if results["missing"] and verdict["state"] != "unknown":
        reasons += f'<p class="soft">Not run, and therefore not known: {esc(", ".join(results["missing"]))}.</p>'
    older = [entry["file"] for entry in results["fragments"] if entry["older"]]
    if older:
        reasons += f'<p class="soft">Older than the commit: {esc(", ".join(older))}.</p>'

    below = any(run["total"].get("passed") is False for run in results["coverage"])
    figures = [
        (
            "executions",
            bool(results["fuzz"]),
            False,
            brief(totals["executions"]),
            f'{len(results["fuzz"])} engine{"s" if len(results["fuzz"]) != 1 else ""}',
        ),
        (
            "findings",
            True,
            totals["fuzz_findings"] + totals["open_findings"] + totals["traces_finding"] > 0,
            number(totals["open_findings"] or totals["fuzz_findings"] or totals["traces_finding"]),
            f'{number(totals["open_reproducers"])} reproducers kept',
        ),
        (
            "seed coverage",
            bool(results["coverage"]),
            below,
            percent(totals["coverage_percent"]),
            f'{number(totals["lines_covered"])} of {number(totals["lines"])} lines',
        ),
        (
            "interface cells",
            bool(results["matrix"]),
            totals["cells_reached"] < totals["cells"],
            f'{number(totals["cells_reached"])} of {number(totals["cells"])}',
            "reached by the seeds",
        ),
        (
            "monitor",
            bool(results["size"]),
            not all(run["passed"] for run in results["size"]),
            number(totals["code_lines"]),
            "lines of code",
        ),
        (
            "plants detected",
            bool(results["plants"]),
            totals["plants_detected"] < totals["plants"],
            f'{totals["plants_detected"]} of {totals["plants"]}',
            "",
        ),
        (
            "switch violations",
            bool(results["switch"]),
            totals["switch_violations"] > 0,
            number(totals["switch_violations"]),
            f'{brief(totals["switch_replays"])} replays',
        ),
        (
            "boot checks",
            bool(results["qemu"]),
            totals["checks_failed"] > 0,
            f'{totals["checks"] - totals["checks_failed"]} of {totals["checks"]}',
            "in QEMU",
        ),
        (
            "script steps",
            bool(results["tests"]),
            totals["steps_failed"] > 0,
            f'{totals["steps"] - totals["steps_failed"] - totals["steps_skipped"]} of {totals["steps"]}',
            f'{totals["steps_skipped"]} skipped' if totals["steps_skipped"] else "",
        ),
    ]
    cells = ""
    for name, known, bad, value, note in figures:
        if known:
            small = f"<small>{esc(note)}</small>" if note else ""
            cells += f'<div{" class=bad" if bad else ""}><dt>{name}</dt><dd>{value}{small}</dd></div>\n'
        else:
            cells += f'<div class="none"><dt>{name}</dt><dd>not run</dd></div>\n'
    return (
        f'<header>\n<h1>Touchstone</h1>\n<p class="when">{moment(results["generated"])} · {commit}</p>\n'
        f'<div class="verdict {verdict["state"]}"><strong>{esc(verdict["text"])}</strong>{reasons}</div>\n'
        f'<dl class="figures">\n{cells}</dl>\n</header>\n'
    )


def findings(results):
    text = lead("What did the monitor do that it promised not to do? Each finding is a trace that shows it again.")
    if not results["findings"]:
        note = (
            "No reproducer in findings/."
            if not results["totals"]["fuzz_findings"]
            else "The fuzzers counted findings, but findings/ holds no reproducer."
        )
        return text + f"<p>{note}</p>\n"
    for finding in results["findings"]:
        severity = finding["severity"]
        chip = (
            tag("bad" if severity in ("S0", "S1", "S2", "S3") else "warn", f"{severity} {SEVERITIES[severity]}")
            if severity
            else tag("warn", "not graded")
        )
        chip += "" if finding["status"] == "open" else " " + tag("idle", finding["status"])
        facts = [finding[key] for key in ("oracle", "property", "call", "target", "engine") if finding[key]]
        facts.append(finding["path"])
        text += f'<article id="{esc(finding["id"])}">{chip}\n<h3>{esc(finding["title"])}</h3>\n'
        text += f'<p class="soft">{" · ".join(map(esc, facts))}</p>\n'
        if finding["problem"]:
            text += f'<p>{tag("warn", "incomplete")} {esc(finding["problem"])}</p>\n'
        if finding["trace"]:
            long = finding["trace"].count("\n") > MANY
            shown = trace(finding["trace"], finding["operation"])
            text += f'<pre{" class=log" if long else ""}>{shown}</pre>\n'
            if long:
                text += f'<p>Made short by <code>ci/touchstone min {esc(finding["path"])} -o short.trace</code></p>\n'
        if finding["reproduce"]:
            text += f'<p>Shown again by <code>{esc(finding["reproduce"])}</code></p>\n'
        if finding["count"] > 1:
            paths = "".join(f"<li><code>{esc(path)}</code></li>" for path in finding["reproducers"])
            rest = finding["count"] - len(finding["reproducers"])
            paths += f"<li>and {number(rest)} more</li>" if rest else ""
            text += folded(
                f'{number(finding["count"])} inputs show it, this one is the shortest', f"<ul>{paths}</ul>\n"
            )
        if finding["log"]:
            text += folded("What a replay says", f'<pre class="log">{esc(finding["log"])}</pre>\n')
        text += "</article>\n"
    if results["findings_left_out"]:
        text += f'<p>{number(results["findings_left_out"])} more inputs in findings/ were not read.</p>\n'
    return text


def fuzz(results):
    text = lead("How hard was the SBI interface attacked, and how far did the attack get?")
    if not results["fuzz"]:
        return text + not_run("fuzz")
    rows = []
    for run in results["fuzz"]:
        found = tag("bad", number(run["findings"])) if run["findings"] else tag("good", "0")
        stability = "–" if run["stability"] is None else f'{run["stability"]:.2f} %'
        rows.append(
            [
                esc(run["target"]),
                esc(run["engine"]),
                number(run["executions"]),
                number(run["seconds"]),
                number(run["executions_per_second"]),
                number(run["edges"]),
                number(run["corpus"]),
                stability,
                found,
            ]
        )
    columns = [
        "target",
        "engine",
        ">executions",
        ">seconds",
        ">per second",
        ">edges",
        ">corpus",
        ">stability",
        ">findings",
    ]
    text += table(columns, rows)
    text += "".join(source(run) for run in results["fuzz"])
    return (
        text
        + '<p class="soft">Edges are counted by each engine in its own way and do not compare between engines.</p>\n'
    )


def replay(results):
    text = lead("Do all seeds and regressions still do, step by step, what was recorded?")
    if not results["replay"]:
        return text + not_run("replay")
    for run in results["replay"]:
        bad = [file for file in run["files"] if not passed(file["status"])]
        steps = sum(file["steps"] for file in run["files"])
        text += (
            source(run)
            + f'<p>{number(len(run["files"]))} traces, {number(steps)} steps, {len(bad)} not as recorded.</p>\n'
        )
        rows = [
            [
                f'<code>{esc(file["file"])}</code>{small(file.get("text"))}',
                number(file["steps"]),
                f'<code>{esc(file["hash"][:16])}</code>',
                mark(file["status"]),
            ]
            for file in bad + [file for file in run["files"] if file not in bad]
        ]
        text += folded("All traces", table(["trace", ">steps", "state hash", "result"], rows), bool(bad))
    return text


def coverage(results, line_coverage):
    text = lead("How much of the monitor do the shipped seeds alone reach?")
    if not results["coverage"]:
        return text + not_run("coverage")
    for run in results["coverage"]:
        total = run["total"]
        floor = total.get("floor", 80.0)
        text += source(run)
        gate = (
            ""
            if "passed" not in total
            else " "
            + (tag("good", f"✓ floor {floor:g} %") if total["passed"] else tag("bad", f"✗ below {floor:g} %"))
        )
        lines = f'{number(total["covered"])} of {number(total["lines"])} gated lines'
        branches = ""
        if total.get("branches"):
            taken = share(total["branches_covered"], total["branches"])
            branches = f'; {number(total["branches_covered"])} of {number(total["branches"])} branches, {percent(taken)}'
        text += f'<p>{lines}, {percent(total["percent"])}{branches}{gate}</p>\n'
        folders = {}
        for file in run["files"]:
            folders.setdefault(os.path.dirname(file["file"]) or ".", []).append(file)
        rows = []
        for folder in sorted(folders):
            rows.append(("folder", coverage_row(folder + "/", folders[folder], floor)))
            rows += [
                ("file", coverage_row(os.path.basename(file["file"]), [file], floor))
                for file in sorted(folders[folder], key=lambda file: file["file"])
            ]
        text += table(["file", ">lines", ">covered", "", ">percent", ">branches"], rows)
        text += interface.uncovered(run.get("uncovered"))
    if line_coverage:
        text += f'<p><a href="{esc(line_coverage)}">Line by line</a>, by llvm-cov.</p>\n'
    return text


def coverage_row(name, files, floor):
    lines, covered = sum(file["lines"] for file in files), sum(file["covered"] for file in files)
    branches = sum(file.get("branches", 0) for file in files)
    taken = share(sum(file.get("branches_covered", 0) for file in files), branches)
    reached = share(covered, lines)
    return [esc(name), number(lines), number(covered), bar(reached, floor), percent(reached), percent(taken)]


def plants(results):
    text = lead("Would the harness notice? Each row is a real kind of bug, planted into a copy of the monitor.")
    if not results["plants"]:
        return text + not_run("plants")
    for run in results["plants"]:
        rows = []
        for plant in run["plants"]:
            if plant["build_failed"]:
                outcome = tag("bad", "✗ does not build")
            else:
                outcome = tag("good", "✓ detected") if plant["detected"] else tag("bad", "✗ missed")
            rows.append(
                [
                    esc(plant["id"]),
                    esc(plant.get("title") or "–") + small(plant.get("text")),
                    outcome,
                    esc(plant.get("oracle") or "–"),
                    yes(plant.get("reached")),
                    yes(plant.get("triggered")),
                    number(plant.get("executions")),
                    number(plant.get("cpu_seconds"), 2),
                ]
            )
        detected = sum(plant["detected"] for plant in run["plants"])
        text += source(run) + f'<p>{detected} of {len(run["plants"])} detected.</p>\n'
        text += table(
            ["plant", "~bug", "outcome", "first seen by", "reached", "triggered", ">executions", ">CPU seconds"], rows
        )
    return text


def small(text):
    return f"<small>{esc(text)}</small>" if text else ""


def yes(value):
    return "–" if value is None else "yes" if value else "no"


def switch(results):
    text = lead("Does the firmware's own assembly give each world back what was its own, and nothing of the other?")
    if not results["switch"]:
        return text + not_run("switch")
    for run in results["switch"]:
        elements = elements_of(run)
        counted = any(isinstance(edge.get("elements"), dict) for edge in run["edges"])
        rows = []
        for edge in run["edges"]:
            wrong = wrong_tag(edge["violations"], edge["replays"])
            cells = [esc(edge["edge"]), number(edge["replays"]), number(edge.get("pairs")), wrong]
            if counted:
                cells += [element_cell(edge.get("elements") or {}, name) for name, _ in elements]
            rows.append(cells)
        columns = ["edge", ">replays", ">pairs", ">violations"] + [column for _, column in elements if counted]
        text += source(run) + table(columns, rows, "narrow" if counted else "")
        if counted:
            text += '<p class="soft">✓ compared and right, ✗ wrong that often, – not part of this edge.</p>\n'
        if elements and any(name != column for name, column in elements):
            meaning = "; ".join(f"{column}: {name}" for name, column in elements)
            text += f'<p class="soft">{esc(meaning)}.</p>\n'
        elif elements and not counted:
            text += element_totals(run["elements"])
        text += violations(run.get("violations")) + switch_measures(run)
    return text


def switch_measures(run):
    """How fast the replay was, and whether the untouched text agreed."""
    said = []
    if run.get("pairs_per_cpu_second"):
        mean = run.get("pairs_per_cpu_second_mean")
        said.append(
            f'{number(run["pairs_per_cpu_second"])} pairs of full exit and entry per CPU-second'
            + (f" at best, {number(mean)} on average" if mean else "")
        )
    if run.get("pairs_per_reference") and run.get("pair_runs"):
        pairs = sum(edge.get("pairs", 0) for edge in run["edges"])
        said.append(
            f'{number(pairs)} pairs were made of {number(run["pair_runs"])} runs: '
            f'up to {number(run["pairs_per_reference"])} have the same reference'
        )
    if run.get("slow_steps"):
        said.append(f'{number(run["slow_steps"])} steps on the untouched text, {number(run.get("slow_differences"))} with another outcome')
    return f'<p class="soft">{"; ".join(said)}.</p>\n' if said else ""


def elements_of(run):
    """What is compared, as (name, heading of its column): the fragment's list, or else what its edges mention."""
    given = run.get("elements")
    if isinstance(given, list):
        named = [item if isinstance(item, dict) else {"name": item} for item in given]
        names = [str(item.get("name") or item.get("element")) for item in named]
        return [(name, str(item.get("column") or name)) for name, item in zip(names, named)]
    names = []
    for edge in run["edges"]:
        if isinstance(edge.get("elements"), dict):
            names += [name for name in edge["elements"] if name not in names]
    return [(name, name) for name in names]


def element_totals(elements):
    """What was compared over all edges, when the edges do not say it one by one."""
    counts = [item for item in elements if isinstance(item, dict) and isinstance(item.get("checks"), int)]
    if not counts:
        names = ", ".join(esc(item) for item in elements)
        return folded(f"{len(elements)} kinds of state are compared", f'<p class="mono">{names}</p>\n')
    rows = []
    for item in counts:
        wrong = item.get("violations", 0)
        rows.append(
            [
                esc(item.get("element")),
                number(item["checks"]),
                tag("bad", number(wrong)) if wrong else tag("good", "0"),
            ]
        )
    return table(["compared, over all edges", ">comparisons", ">violations"], rows)


def wrong_tag(count, tries):
    """Nothing wrong is good news only when it was tried."""
    return tag("bad", number(count)) if count else tag("good" if tries else "idle", "0")


def element_cell(elements, name):
    """A number is how often it was wrong; an object says that as `violated`, and how often it was `checked`."""
    value = elements.get(name)
    if isinstance(value, dict):
        value = value.get("violated", 0) if value.get("checked", 1) else None
    if value is None:
        return "–"
    return f'<td class="hit">✗ {esc(value)}</td>' if value else "✓"


def violations(listed):
    """The list of what was wrong, when the fragment gives one and not only a number."""
    if not isinstance(listed, list) or not listed:
        return ""
    lines = []
    for item in listed[:50]:
        if isinstance(item, dict):
            item = ", ".join(f"{key} {value}" for key, value in item.items())
        lines.append(f"<li><code>{esc(item)}</code></li>")
    more = f"<p>{len(listed) - 50} more are in results.json.</p>\n" if len(listed) > 50 else ""
    return f'<ul>{"".join(lines)}</ul>\n{more}'


def boot(results):
    text = lead("Does the image that ships boot, run a confidential guest, and keep the host out?")
    if not results["qemu"]:
        return text + not_run("qemu")
    for run in results["qemu"]:
        emulator = esc(run.get("qemu") or "QEMU")
        text += source(run) + f'<p>{run["passed"]} passed, {run["failed"]} failed. {emulator}</p>\n'
        failed = [check for check in run["checks"] if not passed(check["status"])]
        if failed:
            text += checks_table(failed)
        if len(run["checks"]) > MANY:
            text += groups_table(run["checks"])
            text += folded(f'All {len(run["checks"])} checks', checks_table(run["checks"]))
        elif len(failed) < len(run["checks"]):
            text += checks_table([check for check in run["checks"] if passed(check["status"])])
        if run["log"]:
            text += folded("Boot log", f'<pre class="log">{esc(run["log"])}</pre>\n')
    return text


def checks_table(checks):
    return table(["~check", "result"], [[esc(check["name"]), mark(check["status"])] for check in checks])


def groups_table(checks):
    """Checks are named "part of the boot: what holds": one row per part, in the order of the boot."""
    groups = {}
    for check in checks:
        groups.setdefault(check["name"].partition(": ")[0], []).append(passed(check["status"]))
    rows = []
    for name, outcomes in groups.items():
        good = sum(outcomes)
        rows.append([esc(name), tag("good" if good == len(outcomes) else "bad", f"{good} of {len(outcomes)}")])
    return table(["part", "passed"], rows)


def tests(results):
    text = lead("Did everything hold that must hold before a change is taken?")
    if "tests" in results["missing"]:
        text += not_run("tests")
    for run in results["tests"]:
        rows = [[esc(step["name"]), mark(step["status"]), number(step["seconds"])] for step in run["steps"]]
        seconds = sum(step["seconds"] for step in run["steps"])
        text += source(run) + table(
            [f'~step of {run["script"]}', "result", ">seconds"], rows + [("sum", ["all", "", number(seconds)])]
        )
    return text


def any_table(run):
    """A table whose columns the fragment names itself."""
    def cell(value):
        if value is None or isinstance(value, bool):
            return esc(yes(value))
        return number(value, 0 if isinstance(value, int) else 2) if isinstance(value, (int, float)) else esc(value)

    marked = any("status" in row for row in run["rows"])
    rows = [[cell(value) for value in row["cells"]] + ([mark(row["status"]) if "status" in row else ""] if marked else [])
            for row in run["rows"] if row["cells"]]
    made = f'<p class="soft"><code>{esc(run["command"])}</code></p>\n'
    shown = table(run["columns"] + (["result"] if marked else []), rows)
    wrong = [row for row, given in zip(rows, run["rows"]) if given.get("status") == "failed"]
    text = lead(esc(run["lead"])) + source(run)
    if len(rows) > MANY:
        text += table(run["columns"] + ["result"], wrong) if wrong else ""
        shown = folded(f"All {len(rows)} rows", shown)
    return text + shown + "".join(f"<p>{esc(note)}</p>\n" for note in run.get("notes", [])) + made


def bench(results):
    text = lead("How fast is the harness? Measured per CPU-second of one core, on the machine named below.")
    if not results["bench"]:
        return text + not_run("bench")
    for run in results["bench"]:
        rows = [[esc(row["name"]), value_of(row["value"]), esc(row["unit"])] for row in run["rows"]]
        text += source(run) + table(["~measure", ">value", "unit"], rows)
    return text


def value_of(value):
    return number(value, 0 if float(value).is_integer() or abs(value) >= 1000 else 2)


def history(earlier):
    if not earlier:
        return "<p>This is the first report in this folder.</p>\n"
    rows = []
    for line in reversed(earlier):
        commit = line.get("commit")
        name = f'<code>{esc(str(commit)[:10])}</code>{" +" if line.get("modified") else ""}' if commit else "–"
        state = str(line.get("verdict", "–"))
        reached = line.get("coverage_percent")
        reached = reached if isinstance(reached, (int, float)) else None
        rows.append(
            [
                moment(line["generated"]),
                name,
                tag("good" if state == "clean" else "warn" if state == "unknown" else "bad", state),
                plain(line.get("executions")),
                plain(line.get("edges")),
                plain(line.get("findings")),
                percent(reached),
                f'{plain(line.get("plants_detected"))} of {plain(line["plants"])}' if line.get("plants") else "–",
            ]
        )
    return table(["report", "commit", "verdict", ">executions", ">edges", ">findings", ">coverage", ">plants"], rows)


def plain(value):
    return number(value) if isinstance(value, (int, float)) else "–"


def environment(results):
    around = results["environment"]
    rows = [
        ["system", esc(around["system"])],
        ["kernel", esc(f'{around["kernel"]}, {around["machine"]}')],
        ["processor", esc(f'{around["processor"]}, {around["cores"]} cores')],
    ]
    rows += [
        [esc(tool["name"]), esc(tool["version"]) if tool["version"] else "not installed"] for tool in around["tools"]
    ]
    text = table(["", ""], rows) + "<h3>Where the results came from</h3>\n"
    rows = []
    for entry in results["fragments"]:
        state = tag("good", "✓ used") if entry["status"] == "used" else tag("bad", "✗ " + entry["status"])
        state += " " + tag("warn", "older") if entry["older"] else ""
        rows.append(
            [
                f'<code>{esc(entry["file"])}</code>',
                esc(entry["kind"] or "–"),
                moment(entry["written"]),
                state,
                esc(entry["why"]),
            ]
        )
    rows += [["–", esc(kind), "–", tag("idle", "not run"), ""] for kind in KINDS if kind in results["missing"]]
    return text + table(["file", "kind", "written", "state", "~expected"], rows)
