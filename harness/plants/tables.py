# SPDX-License-Identifier: Apache-2.0
"""From rows to tables: README.md for people, scoreboard.json for programs. Both are made from the rows alone.

Each plant is shown as of one commit per engine, or per plant where settings are compared with each other: the one with the
most figures for it, the newest of those. The tables name the commits and machines, and mark what is not of the first one.
What was not measured is said to be so, and what was missed is listed by name with the reason.
"""

import collections
import json
import os
import statistics
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "reports"))

import campaign  # noqa: E402
import engines  # noqa: E402
import rows  # noqa: E402
from files import write_whole  # noqa: E402

CRASH_ONLY = campaign.CRASH_ONLY
HEADING = "# Scoreboard"
INTRODUCTION = """
How good is the harness at finding bugs, and what does each of its parts contribute? Made by `ci/touchstone scoreboard`
from the figures in this folder, a line of JSON per run; do not edit. Times are processor seconds; building is not
counted. How to read, repeat and extend it: [harness/plants/README.md](../../harness/plants/README.md).
"""


def newest_of(results, found, wanted):
    """The rows of one commit: that with the most in `found`, the newest of those. `wanted`: a commit, or None for any."""
    if wanted is not None:
        return [row for row in found if row["commit"] == wanted]
    age = {name: place for place, name in enumerate(results.commits)}
    counts = collections.Counter(row["commit"] for row in found)
    best = max(counts, key=lambda name: (counts[name], age[name]), default=None)
    return [row for row in found if row["commit"] == best]


def median(numbers):
    return statistics.median(numbers) if numbers else None


def cell_of(found, wanted):
    """One plant and one engine (or setting): facts of its runs together."""
    hits = [row for row in found if row["detected"]]
    first = min(hits, key=lambda row: row["seed"]) if hits else None

    def fact(name):
        known = [row[name] for row in found if row[name] is not None]
        return any(known) if known else None

    return {"commit": found[0]["commit"] if found else None, "runs": len(found), "wanted": wanted, "detections": len(hits), "reached": fact("reached"),
            "triggered": fact("triggered"), "oracle": first["oracle"] if first else None,
            "property": first["property"] if first else None,
            "executions": median([row["executions"] for row in hits]), "seconds": [row["cpu_seconds"] for row in hits],
            "cpu_seconds": median([row["cpu_seconds"] for row in hits]),
            "limit": min((row["limit"] for row in found if not row["detected"]), default=None),
            "derived": bool(found) and all(row["derived"] for row in found)}


def reason_of(cells):
    """Why nobody objected, as far as the canary tells."""
    limit = max((cell["limit"] or 0 for cell in cells), default=0)
    if any(cell["triggered"] for cell in cells):
        text = "triggered, but nothing that looks on objected"
    elif any(cell["reached"] for cell in cells):
        text = "reached, but never with the values or in the state that matters"
    elif all(cell["reached"] is None for cell in cells):
        text = "no canary: not known whether it was reached"
    else:
        text = "never reached"
    return f"{text}, within {limit:g} s"


def engine_table(results, plants, commit):
    lines = []
    for plant in plants:
        digest = rows.digest_of(plant.text)
        cells = {}
        for engine in engines.engines_of(plant):
            found = newest_of(results, results.of(set="engines", plant=plant.id, patch=digest, engine=engine), commit)
            cells[engine] = cell_of(found, 1 if engine in engines.SEEDLESS else 3)
        measured = [cell for cell in cells.values() if cell["runs"]]
        hits = [cell for cell in measured if cell["detections"]]
        best = min((cell["cpu_seconds"] for cell in hits), default=None)
        budget = campaign.budget_of(plant)
        lines.append({"id": plant.id, "title": plant.header.get("Title"), "class": plant.header.get("Class"),
                      "predicted": plant.header.get("Predicted", "-")[:1], "budget": budget, "engines": cells,
                      "detected": bool(hits) if measured else None, "best": best,
                      "reason": plant.header.get("Missed") or reason_of(measured) if measured and not hits else None})
    return lines


def compared_with(table, setting):
    """Settings of the same name here are compared with each other, and so of one commit."""
    return setting.partition("+")[0] if table == "generators" else table


def setting_table(results, plants, commit, table):
    lines = []
    for plant in plants:
        digest = rows.digest_of(plant.text)
        names = [task.setting for task in campaign.tasks_of(table, plant, 3, None)]
        found = results.of(set=table, plant=plant.id, patch=digest)
        cells = {}
        for name in dict.fromkeys(names):
            group = [row for row in found if compared_with(table, row["setting"]) == compared_with(table, name)]
            same = newest_of(results, group, commit)
            cells[name] = cell_of([row for row in same if row["setting"] == name], names.count(name))
        if cells:
            lines.append({"id": plant.id, "title": plant.header.get("Title"), "predicted": plant.header.get("Predicted", "-")[:1],
                          "settings": cells})
    return lines


def summary_of(lines):
    """Detected within the budget by at least one engine, by predicted class."""
    answer = []
    for letter, budget in campaign.BUDGETS.items():
        some = [line for line in lines if line["predicted"] == letter]
        if some:
            answer.append({"predicted": letter, "budget": budget, "plants": len(some),
                           "measured": sum(line["detected"] is not None for line in some),
                           "detected": sum(line["best"] is not None and line["best"] <= budget for line in some),
                           "missed": [line["id"] for line in some if line["detected"] is False]})
    return answer


def sources_of(results, lines):
    """Which commits and machines the lines show, most figures first."""
    runs = {}
    for line in lines:
        for cell in (line.get("engines") or line.get("settings")).values():
            if cell["runs"]:
                runs[cell["commit"]] = runs.get(cell["commit"], 0) + cell["runs"]
    return [{"commit": name, "runs": count, "machines": sorted({row["machine"] for row in results.of(commit=name)})}
            for name, count in sorted(runs.items(), key=lambda pair: -pair[1])]


def collected(data, plants, commit):
    """Everything as one object."""
    answer = {"schema": "touchstone-scoreboard/2", "measured": {}}
    for table, results in data.items():
        lines = engine_table(results, plants, commit) if table == "engines" else \
            setting_table(results, plants, commit, table)
        answer[table] = lines
        answer["measured"][table] = sources_of(results, lines)
    answer["summary"] = summary_of(answer["engines"])
    return answer


# ---------------------------------------------------------------- Markdown


def known_of(cells, name):
    """A fact of any engine's runs: None when no canary tells."""
    known = [cell[name] for cell in cells.values() if cell[name] is not None]
    return any(known) if known else None


def mark(value):
    return {None: "-", True: "yes", False: "no"}[value]


def number(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def told(cell, sources):
    """A cell of plant x engine in a few words."""
    if not cell["runs"]:
        return "not measured"
    place = [source["commit"] for source in sources].index(cell["commit"]) + 1
    return told_figures(cell) + (f" [{place}]" if place > 1 else "")


def told_figures(cell):
    if not cell["detections"]:
        return f"missed in {number(cell['limit'])} s ({cell['runs']} of {cell['wanted']} runs)"
    some = f", {cell['detections']} of {cell['runs']}" if cell["detections"] < cell["runs"] or cell["runs"] < cell["wanted"] else ""
    return f"{cell['oracle']} {number(cell['executions'])} / {number(cell['cpu_seconds'])} s{some}"


def measured_on(answer, table):
    sources = answer["measured"][table]
    if not sources:
        return "Not measured.\n"
    return "; ".join((f"[{place}] " if len(sources) > 1 else "") +
                     f"Commit {source['commit']}, {', '.join(source['machines'])}, {source['runs']} runs"
                     for place, source in enumerate(sources, 1)) + ".\n"


def engines_text(answer):
    out = ["## Plants and engines\n", measured_on(answer, "engines"),
           "An engine's cell: the oracle that objected first, executions / processor seconds until then (medians of the "
           "seeds that found it), and how many of the seeds did if not all. A plant counts as detected when one engine's "
           "median is within the budget of its predicted class.\n",
           "| predicted | budget | plants | measured | detected | missed |", "|---|---|---|---|---|---|"]
    for line in answer["summary"]:
        out.append(f"| {line['predicted']} | {line['budget']} s | {line['plants']} | {line['measured']} | {line['detected']} | "
                   f"{', '.join(line['missed']) or '-'} |")
    names = [name for name in engines.ENGINES if any(name in line["engines"] for line in answer["engines"])]
    out += ["", "| plant | what is wrong | predicted | reached | triggered | " + " | ".join(names) + " |",
            "|---|---|---|---|---|" + "---|" * len(names)]
    for line in answer["engines"]:
        cells = line["engines"]
        reached, triggered = (mark(known_of(cells, name)) for name in ("reached", "triggered"))
        out.append(f"| {line['id']} | {line['title']} | {line['predicted']} | {reached} | {triggered} | "
                   + " | ".join(told(cells[name], answer["measured"]["engines"]) if name in cells else "" for name in names) + " |")
    missed = [line for line in answer["engines"] if line["reason"]]
    out += ["", "### Missed", ""]
    out += [f"- {line['id']}, {line['title']}: {line['reason']}" for line in missed] or ["None."]
    return out


def percent(part, whole):
    return f"{100 * part // whole} %" if whole else "-"


def lost(lines, setting):
    """Ids that everything together finds, and this setting does not."""
    return [line["id"] for line in lines
            if line["settings"]["all"]["detections"] and line["settings"][setting]["runs"]
            and not line["settings"][setting]["detections"]]


def setting_name(setting):
    return "SAN and LIV only" if setting == CRASH_ONLY else setting.replace("-", " ").upper().replace("WITHOUT", "without")


def limit_of(lines):
    """Shortest time within which a miss of these lines was a miss; what a run may take where there is none."""
    limits = [cell["limit"] for line in lines for cell in line["settings"].values() if cell["limit"] is not None]
    return f"{min(limits, default=campaign.ABLATION_LIMIT):g}"


def oracles_text(answer):
    lines = answer["oracles"]
    known = [line for line in lines if line["settings"]["all"]["detections"]]
    out = ["", "## What each oracle is worth\n", measured_on(answer, "oracles"),
           f"The hunt, one seed, at most {limit_of(lines)} s per plant. With all oracles it finds {len(known)} of "
           f"{len(lines)} plants that it can show; these are the others' 100 %. `{CRASH_ONLY}` is what a harness "
           "without oracles of its own sees: sanitizers, crashes, hangs and locks.\n",
           "| oracles | plants found | of those | lost |", "|---|---|---|---|"]
    for setting in ["without-" + oracle for oracle in campaign.ORACLES] + [CRASH_ONLY]:
        runs = [line for line in known if line["settings"][setting]["runs"]]
        gone = lost(lines, setting)
        shown = ", ".join(gone) if len(gone) <= 24 else f"{len(gone)} plants"
        out.append(f"| {setting_name(setting)} | "
                   f"{len(runs) - len(gone)} | {percent(len(runs) - len(gone), len(runs))} of {len(runs)} | {shown or '-'} |")
    firsts = {}
    for line in known:
        firsts.setdefault(line["settings"]["all"]["oracle"], []).append(line["id"])
    out += ["", "First to object with all on: " +
            "; ".join(f"{oracle} {len(ids)}" for oracle, ids in sorted(firsts.items(), key=lambda pair: -len(pair[1]))) + "."]
    return out


def generator_lines(answer):
    """Inputs, feedback, plants, runs, found, limit, median and sum of seconds, a miss counting in full."""
    out = []
    for generator in campaign.GENERATORS:
        for feedback in campaign.FEEDBACKS:
            every = [line["settings"][f"{generator}+{feedback}"] for line in answer["generators"]]
            cells = [cell for cell in every if cell["runs"]]
            seconds = [each for cell in cells for each in cell["seconds"]]
            limits = [cell["limit"] for cell in cells if cell["limit"] is not None]
            missed = sum(cell["limit"] * (cell["runs"] - cell["detections"]) for cell in cells if cell["limit"] is not None)
            out.append([generator, "edges" if feedback == "edges" else "edges and states", len(cells),
                        sum(cell["runs"] for cell in cells), sum(cell["detections"] > 0 for cell in cells), len(seconds),
                        f"{min(limits, default=campaign.ABLATION_LIMIT):g}", number(median(seconds)), number(sum(seconds) + missed)])
    return out


GENERATOR_COLUMNS = ["inputs", "feedback", ">plants tried", ">runs", ">plants found", ">runs that found", ">limit s", ">median s",
                     ">sum s"]


def generators_text(answer):
    lines = answer["generators"]
    out = ["", "## What the generator and state feedback are worth\n", measured_on(answer, "generators"),
           "libFuzzer on host_abi_fuzzer, from an empty corpus. Time: median of the runs that found the plant, and the sum over all "
           "runs, a miss counting in full.\n",
           "| " + " | ".join(name.lstrip(">") for name in GENERATOR_COLUMNS) + " |", "|---" * len(GENERATOR_COLUMNS) + "|"]
    out += ["| " + " | ".join(str(cell) for cell in cells) + " |" for cells in generator_lines(answer)]
    for generator in campaign.GENERATORS:
        def found(feedback, generator=generator):
            return {line["id"] for line in lines if line["settings"][f"{generator}+{feedback}"]["detections"]}

        only = found("state") - found("edges"), found("edges") - found("state")
        out.append(f"\n{generator}: only with states: {', '.join(sorted(only[0])) or 'none'}; only without: "
                   f"{', '.join(sorted(only[1])) or 'none'}.")
    return out


def write(folder, data, plants, commit):
    """Render the rows in `data` ({table: Rows}) to `folder`."""
    answer = collected(data, plants, commit)
    text = [HEADING, INTRODUCTION] + engines_text(answer) + oracles_text(answer) + generators_text(answer)
    write_whole(os.path.join(folder, "README.md"), "\n".join(text) + "\n")
    write_whole(os.path.join(folder, "scoreboard.json"), json.dumps(answer, indent=1, sort_keys=True) + "\n")
