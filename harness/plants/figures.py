#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Committed figures as tables of the report: figures.py FOLDER writes fragments made of reports/scoreboard,
reports/silence.tsv and reports/reproduce.tsv there. Measuring them takes hours, so the report shows what was measured, with commit and machine.

Exit codes: 0 written; 2 figures that cannot be read; 4 the folder cannot be written to.
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import campaign  # noqa: E402
import engines  # noqa: E402
import fragment  # noqa: E402
import plants as plants_command  # noqa: E402
import reproduce  # noqa: E402
import reproduced  # noqa: E402
import rows  # noqa: E402
import silence  # noqa: E402
import tables  # noqa: E402

REPORTS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports")
COMMAND = "ci/touchstone scoreboard"


def of_engines(answer):
    names = [name for name in engines.ENGINES if any(name in line["engines"] for line in answer["engines"])]
    lines = []
    for line in answer["engines"]:
        cells = line["engines"]
        facts = [tables.mark(tables.known_of(cells, name)) for name in ("reached", "triggered")]
        status = {None: "skipped", True: "passed", False: "failed"}[line["detected"]]
        lines.append({"cells": [line["id"], line["title"], line["predicted"], *facts,
                                *(tables.told(cells[name], answer["measured"]["engines"]) if name in cells else ""
                                  for name in names)], "status": status})
    notes = [tables.measured_on(answer, "engines").strip(),
             "A cell: oracle, executions / processor seconds until then, medians of the seeds that found it."]
    notes += [f"Predicted {line['predicted']}, budget {line['budget']} s: {line['detected']} of {line['measured']} measured "
              f"were detected within it." for line in answer["summary"]]
    notes += [f"Missed: {line['id']}, {line['title']}: {line['reason']}" for line in answer["engines"] if line["reason"]]
    return fragment.table("scoreboard", "Scoreboard", "Which engine finds which planted bug, and how fast?", COMMAND,
                          ["plant", "~what is wrong", "predicted", "reached", "triggered", *names], lines, 0, notes)


def of_oracles(answer):
    known = [line for line in answer["oracles"] if line["settings"]["all"]["detections"]]
    lines = []
    for setting in ["without-" + oracle for oracle in campaign.ORACLES] + [campaign.CRASH_ONLY]:
        measured = [line for line in known if line["settings"][setting]["runs"]]
        gone = tables.lost(known, setting)
        lines.append({"cells": [tables.setting_name(setting), len(measured) - len(gone), len(measured),
                                ", ".join(gone) or "none"]})
    notes = [tables.measured_on(answer, "oracles").strip(),
             f"The hunt, one seed, at most {tables.limit_of(answer['oracles'])} s per plant, of the {len(known)} plants that it finds with "
             "all oracles."]
    return fragment.table("ablation-oracles", "What each oracle is worth", "Which planted bugs would nobody see without it?",
                          COMMAND + " --set oracles", ["oracles", ">found", ">of", "~lost"], lines, 0, notes)


def of_generators(answer):
    lines = [{"cells": cells} for cells in tables.generator_lines(answer)]
    notes = [tables.measured_on(answer, "generators").strip(), "libFuzzer on host_abi_fuzzer, from an empty corpus."]
    return fragment.table("ablation-generators", "What the generator and state feedback are worth",
                          "What is found from nothing, with how much knowledge of the interface?", COMMAND + " --set generators",
                          tables.GENERATOR_COLUMNS, lines, 0, notes)


def of_silence():
    found = silence.read_log(os.path.join(REPORTS, "silence.tsv"))
    totals = {}
    for row in found:
        entry = totals.setdefault((row["target"], row["engine"]), [0, 0.0, 0, 0])
        for place, value in enumerate((1, row["cpu_seconds"], row["executions"], row["findings"])):
            entry[place] += value
    newest = {(row["target"], row["engine"]): row["commit"] for row in found}
    still = {name: sum(row["findings"] for row in found if (row["target"], row["engine"], row["commit"]) == (*name, commit))
             for name, commit in newest.items()}
    lines = [{"cells": [*name, entry[0], f"{entry[1]:.0f}", entry[2], entry[3]],
              "status": "failed" if still[name] else "passed"} for name, entry in sorted(totals.items())]
    commits = list(dict.fromkeys(row["commit"] for row in found))
    notes = [f"{silence.hours(found):.2f} processor hours in all, on {len(commits)} commits: {', '.join(commits)}.",
             f"{silence.hours(silence.since_last_finding(found)):.2f} processor hours since the last finding. A line fails when "
             "there are findings on the newest commit that it was measured on; what was mended has a regression trace or a test."]
    return fragment.table("silence", "Log of silence", "How long was the real monitor attacked, with all oracles on, and what was found?",
                          "ci/silence", ["target", "engine", ">runs", ">CPU s", ">executions", ">findings"], lines,
                          sum(still.values()), notes)


def of_reproduction(plants):
    """None when nothing was measured yet."""
    record = reproduced.read(os.path.join(REPORTS, "reproduce.tsv"))
    facts = {plant.id: reproduce.facts_of(plant, "", "") for plant in plants}
    known = {name: row for name, row in record.items() if name in facts}
    stale = {name for name, row in known.items() if any(row[key] != facts[name][key] for key in ("patch", "witness_file"))}
    return reproduced.table(known, stale, sorted(set(facts) - set(known))) if known else None


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: figures.py FOLDER", file=sys.stderr)
        return 2
    folder = sys.argv[1]
    try:
        data = {table: rows.Rows(os.path.join(REPORTS, "scoreboard", table + ".jsonl")) for table in campaign.SETS}
        plants = plants_command.everything()
        answer = tables.collected(data, plants, None)
        made = [of_silence()] if os.path.exists(os.path.join(REPORTS, "silence.tsv")) else []
        made += [one for one in (of_reproduction(plants),) if one is not None]
        for table, make in (("engines", of_engines), ("oracles", of_oracles), ("generators", of_generators)):
            if answer["measured"][table]:
                made.append(make(answer))
    except (rows.BadRows, silence.BadLog, reproduced.BadRecord, OSError, UnicodeDecodeError) as problem:
        print(f"figures.py: {problem}", file=sys.stderr)
        return 2
    try:
        os.makedirs(folder, exist_ok=True)
        for one in made:
            fragment.write(os.path.join(folder, f"figures-{one['name']}.json"), one)
    except OSError as problem:
        print(f"figures.py: {problem}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
