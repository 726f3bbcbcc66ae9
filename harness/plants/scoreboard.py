#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone scoreboard: which engine finds which planted bug, and what each oracle and each generator is worth.

Can be stopped at any time and goes on where it was: figures are kept run by run in a folder, and a second start does what
is missing. See README.md beside this file.

Exit codes: 0 all runs that were asked for are there; 2 usage, figures that cannot be read, or a patch that does not
build; 3 a tool is missing; 4 the environment is in the way; 5 the clean monitor does what was taken for a planted bug: the
input is kept, nothing is recorded; 130 interrupted.
"""

import argparse
import os
import signal
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import campaign  # noqa: E402
import engines  # noqa: E402
import meter  # noqa: E402
import planting  # noqa: E402
import plants as plants_command  # noqa: E402
import rows  # noqa: E402
import tables  # noqa: E402

SOURCE, BUILD = plants_command.SOURCE, plants_command.BUILD


def complain(text):
    print(f"touchstone scoreboard: {text}", file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone scoreboard", add_help=False, allow_abbrev=False)
    parser.add_argument("--set", action="append", choices=campaign.SETS)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--patch", action="append", default=[])
    parser.add_argument("--engine", action="append", choices=engines.ENGINES)
    parser.add_argument("--setting", action="append", choices=campaign.settings_known())
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data", default=os.path.join(SOURCE, "reports", "scoreboard"))
    parser.add_argument("--commit")
    parser.add_argument("--findings", default=os.path.join(SOURCE, "findings"))
    parser.add_argument("--render", action="store_true")
    parser.set_defaults(binary=False)  # patches of the image on its way to memory are for `touchstone plants`
    chosen = parser.parse_args()
    if not 1 <= chosen.seeds <= 99 or not 1 <= chosen.jobs <= 64:
        parser.error("--seeds takes 1 to 99, --jobs 1 to 64")
    if chosen.limit is not None and not 1 <= chosen.limit <= 86400:
        parser.error("--limit takes 1 to 86400")
    return chosen


def measure(chosen, plants, data, wanted):
    """Do what is missing in the tables that are wanted. Returns an exit code."""
    measuring = meter.Meter()
    builder = planting.Builder(SOURCE, os.path.join(BUILD, "plants"))

    def stop(*_):
        complain("interrupted; what is measured is kept")
        measuring.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        bench = engines.Bench(builder, BUILD, measuring, chosen.findings)
        bench.prepare()
        complete, accused = True, []
        commit = rows.commit_of(SOURCE)
        for table in wanted:
            if measuring.stopped:
                break
            one = campaign.Campaign(bench, builder, data, table, commit, chosen.limit, chosen.seeds, chosen.engine,
                                    chosen.setting)
            complete &= one.run(plants, chosen.jobs)
            accused += one.accused
    except KeyboardInterrupt:
        return 130
    finally:
        builder.close()
    if accused:
        complain(f"{len(accused)} runs do not count: the clean monitor is accused as well")
        return 5
    return 130 if measuring.stopped else 0 if complete else 2


def main():
    chosen = arguments()
    plants = plants_command.choose(chosen, complain)
    wanted = chosen.set or list(campaign.SETS)
    try:
        os.makedirs(chosen.data, exist_ok=True)
        data = {table: rows.Rows(os.path.join(chosen.data, table + ".jsonl")) for table in campaign.SETS}
    except (rows.BadRows, OSError) as problem:
        complain(problem)
        return 2 if isinstance(problem, rows.BadRows) else 4
    code = 0
    try:
        if not chosen.render:
            code = measure(chosen, plants, data, wanted)
        shown = plants_command.everything() + [planting.Plant(path) for path in chosen.patch]
        tables.write(chosen.data, data, shown, chosen.commit)
    except planting.MissingTool as problem:
        complain(problem)
        return 3
    except (planting.BuildFailed, engines.EngineFailed) as problem:
        complain(problem)
        return 2
    except OSError as problem:
        complain(problem)
        return 4
    return code


if __name__ == "__main__":
    sys.exit(main())
