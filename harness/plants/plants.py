#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone plants: bugs planted in the monitor, and whether the harness catches them. See README.md beside this file.

Exit codes: 0 every plant was detected; 7 one was not, or its canary is wrong; 2 usage, or a patch that does not apply or build; 3 a tool is
missing; 4 the environment is in the way; 130 interrupted. With --control: 0 all witnesses are silent, 5 one is not.
"""

import argparse
import atexit
import concurrent.futures
import glob
import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import fragment  # noqa: E402
import judging  # noqa: E402
import planting  # noqa: E402
import reproduce  # noqa: E402
import reproduced  # noqa: E402
import rows  # noqa: E402

SOURCE = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TOUCHSTONE_BUILD") or os.path.join(SOURCE, "build", "host-release")


def complain(text):
    print(f"touchstone plants: {text}", file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone plants", add_help=False, allow_abbrev=False)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--patch", action="append", default=[])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--witness")
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--reproduce", action="store_true")
    parser.add_argument("--record")
    parser.add_argument("--variant", action="append", choices=sorted(planting.VARIANTS), default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output")
    chosen = parser.parse_args()
    if not 1 <= chosen.seconds <= 86400 or not 1 <= chosen.jobs <= 64:
        parser.error("--seconds takes 1 to 86400, --jobs 1 to 64")
    if chosen.record and not chosen.reproduce:
        parser.error("--record belongs to --reproduce")
    return chosen


def everything():
    """All plants, sorted by id."""
    return [planting.Plant(path) for path in sorted(glob.glob(os.path.join(HERE, "*.patch")))]


def choose(chosen, complain=complain):
    """The plants asked for, sorted by id; exits when one is not there."""
    paths = [] if chosen.patch and not chosen.only else sorted(glob.glob(os.path.join(HERE, "*.patch")))
    known = {os.path.splitext(os.path.basename(path))[0]: path for path in paths}
    if chosen.binary and not chosen.only and not chosen.patch:
        chosen.only = [name for name, path in known.items() if "Switch" in planting.Plant(path).header]
    for name in chosen.only:
        if name not in known:
            complain(f"no plant {name}; --list tells which there are")
            sys.exit(2)
    wanted = [known[name] for name in known if not chosen.only or name in chosen.only]
    for path in chosen.patch:
        if not os.path.isfile(path):
            complain(f"{path}: no such file")
            sys.exit(2)
        wanted.append(path)
    plants = [planting.Plant(path) for path in wanted]
    if len({plant.id for plant in plants}) != len(plants):
        complain("two patches have the same name")
        sys.exit(2)
    return plants


def control(plants):
    """Witnesses of bugs that the clean monitor does not have: it must be silent."""
    program = os.path.join(BUILD, "touchstone")
    traces = [os.path.join(HERE, plant.id + ".witness.trace") for plant in plants]
    traces = [path for path in traces if os.path.exists(path)]
    if not traces:
        complain("no witness for these plants")
        return 2
    return subprocess.run([program, "run", *traces], check=False).returncode


def write_witness(folder, plant, verdict, program, env):
    """Shorten what showed the bug, on the patched build that showed it."""
    target = os.path.join(folder, plant.id + ".witness.trace")
    if program is None or verdict.reproducer is None or verdict.oracle not in ("OWN", "LIV", "ORD"):
        return
    done = subprocess.run([program, "min", "--force", verdict.reproducer, "-o", target], env=env, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        complain(f"{plant.id}: no witness: {done.stdout.decode(errors='replace').strip()}")


def reproduce_all(chosen, plants):
    """Each plant's finding made short, compared with its witness and shown again; what the record has already is not done twice."""
    record = reproduced.read(chosen.record) if chosen.record else {}
    commit, machine = rows.commit_of(SOURCE), rows.machine()
    facts = {plant.id: reproduce.facts_of(plant, commit, machine) for plant in plants}
    done = {name: record[name] for name in facts if reproduced.same_subject(record.get(name), facts[name])}
    missing = [plant for plant in plants if plant.id not in done]
    if chosen.record:
        print(f"{chosen.record}: {len(done)} of {len(plants)} are there, {len(missing)} are missing", file=sys.stderr)
    builder = planting.Builder(SOURCE, os.path.join(BUILD, "plants"))
    atexit.register(builder.close)
    children = judging.Children()
    reproducer = reproduce.Reproducer(builder, judging.Judge(builder, BUILD, chosen.seconds, children, blind=True))
    for number, plant in enumerate(missing, 1):
        row = done[plant.id] = reproducer.one(plant, facts[plant.id])
        told = (row[name] for name in ("plant", "finding", "engine", *reproduced.NUMBERS, "status"))
        print(f"[{number}/{len(missing)}] " + "  ".join(str(cell) for cell in told), file=sys.stderr, flush=True)
        if chosen.record:
            # Another run may have added to it meanwhile.
            with builder.alone("record"):
                reproduced.write(chosen.record, {**reproduced.read(chosen.record), plant.id: row})
        shutil.rmtree(os.path.join(builder.work, plant.id, "source"), ignore_errors=True)
    document = reproduced.table(done)
    if chosen.output:
        fragment.write(chosen.output, document)
    print(f"{sum(row['status'] == 'passed' for row in done.values())} of {len(done)} short and shown again {reproduced.TIMES} times")
    return 7 if document["failed"] else 0


def build_only(plants, variants):
    """Prints where `touchstone` of each planted monitor is. Nothing is judged."""
    builder = planting.Builder(SOURCE, os.path.join(BUILD, "plants"))
    atexit.register(builder.close)
    for plant in plants:
        with builder.alone(plant.id):
            source = builder.copy_source(plant)
            for variant in variants:
                print(f"{plant.id} {variant} {builder.host(plant, source, variant)}", flush=True)
            shutil.rmtree(source, ignore_errors=True)
    return 0


def mark(value):
    return {None: "-", True: "yes", False: "NO"}[value]


def row(entry):
    verdict = "BUILD FAILED" if entry["build_failed"] else mark(entry["detected"])
    return (f"{entry['id']:<24} {mark(entry['reached']):<8} {mark(entry['triggered']):<10} {verdict:<9} "
            f"{entry['oracle'] or '-':<5} {entry['executions']:>10} {entry['cpu_seconds']:>8.2f}  "
            f"{(entry['text'] or '')[:90]}").rstrip()


def binary_table(entries):
    """What --binary saw, for the report."""
    rows = [{"cells": [entry["id"], entry["title"], "yes" if entry["detected"] else "NO", entry["text"] or ""],
             "status": "passed" if entry["detected"] else "failed"} for entry in entries]
    return fragment.table(
        "binary-plants", "Planted bugs of registers, fences and isolation, on the firmware alone",
        "Does the replay of the switch see each of these bugs in the machine code that it is built into?",
        "ci/touchstone plants --binary", ["plant", "bug", "detected", "first objection"], rows)


def canary_wrong(entry):
    """Who sees a bug that made no difference? The firmware has no canaries, so what its replay sees says nothing about them."""
    return entry["detected"] and entry["triggered"] is False and entry["oracle"] != "REG"


HEADER = f"{'id':<24} {'reached':<8} {'triggered':<10} {'detected':<9} {'first':<5} {'executions':>10} {'CPU s':>8}"


def scoreboard(chosen, plants):
    children = judging.Children()
    builder = planting.Builder(SOURCE, os.path.join(BUILD, "plants"))
    atexit.register(builder.close)
    judge = judging.Judge(builder, BUILD, chosen.seconds, children, chosen.blind, chosen.binary)
    if chosen.witness:
        os.makedirs(chosen.witness, exist_ok=True)

    def one(plant):
        entry, verdict, program = judge.judge(plant)
        if chosen.witness and verdict.detected:
            write_witness(chosen.witness, plant, verdict, program, judge.environment(plant))
        shutil.rmtree(os.path.join(judge.folder(plant), "source"), ignore_errors=True)
        return entry

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    entries = []
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=chosen.jobs)
    try:
        if not chosen.binary:
            builder.clean_objects("plain")
        elif (said := judge.clean_switch()) is not None:
            raise planting.BuildFailed(f"the clean firmware is accused as well: {said}")
        waiting = [pool.submit(one, plant) for plant in plants]
        for done in concurrent.futures.as_completed(waiting):
            entries.append(done.result())
            print(f"[{len(entries)}/{len(plants)}] {row(entries[-1])}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        children.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        complain("interrupted")
        entries.sort(key=lambda entry: entry["id"])
        return entries, 130
    pool.shutdown()
    entries.sort(key=lambda entry: entry["id"])
    if any(entry["build_failed"] for entry in entries):
        return entries, 2
    for entry in entries:
        if canary_wrong(entry):
            complain(f"{entry['id']}: {entry['oracle']} has detected it, and its canary says that it was never triggered: the canary is "
                     "wrong")
    return entries, 0 if all(entry["detected"] and not canary_wrong(entry) for entry in entries) else 7


def main():
    chosen = arguments()
    plants = choose(chosen)
    if chosen.list:
        for plant in plants:
            print(f"{plant.id:<6} {plant.header.get('Class', '-'):<8} {plant.header.get('Predicted', '-'):<3} "
                  f"{plant.header.get('Title', '')}")
        return 0
    if not plants:
        complain("no plant")
        return 2
    if chosen.control:
        return control(plants)
    try:
        if chosen.reproduce:
            return reproduce_all(chosen, plants)
        if chosen.build:
            return build_only(plants, chosen.variant or ["plain"])
        entries, code = scoreboard(chosen, plants)
    except planting.MissingTool as problem:
        complain(problem)
        return 3
    except reproduced.BadRecord as problem:
        complain(problem)
        return 2
    except (planting.BuildFailed, OSError) as problem:
        complain(problem)
        return 4
    document = {"schema": "touchstone-fragment/1", "kind": "plants", "plants": entries}
    if chosen.output:
        fragment.write(chosen.output, binary_table(entries) if chosen.binary else document)
    if chosen.json:
        print(json.dumps(document, indent=1))
    else:
        print(HEADER)
        for entry in entries:
            print(row(entry))
        found = sum(entry["detected"] for entry in entries)
        print(f"{found} of {len(entries)} detected")
    return code


if __name__ == "__main__":
    sys.exit(main())
