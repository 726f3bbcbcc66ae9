# SPDX-License-Identifier: Apache-2.0
"""Which runs make up each table of the scoreboard, and doing those that are missing.

  engines     each plant, each engine that can show it, three seeds; the budget follows from the plant's predicted class
  oracles     the hunt with one oracle switched off at a time, and with sanitizers and LIV alone
  generators  libFuzzer from nothing, with inputs that are bytes, operations, or made with knowledge of the state; each
              with feedback from coverage alone, and with that of states as well; the last with three seeds

An oracle that was not the first to object changes nothing for the hunt when it is off: the same choices lead to the same
objection. What a seed shows as it is, before anything random happened, AFL++ and the hunt find with any choices. And the hunt
with everything on is in the first table already. Such rows are derived instead of run, and say so.
"""

import concurrent.futures
import os
import shutil
import sys

import engines
import planting
import rows

BUDGETS = {"E": 60, "M": 300, "H": 900, "X": 900}  # processor seconds by predicted class
ABLATION_LIMIT = 20
ORACLES = ("own", "ord", "liv", "ref", "ni", "att")
GENERATORS = ("raw", "grammar", "handles")
FEEDBACKS = ("edges", "state")
SETS = ("engines", "oracles", "generators")
CRASH_ONLY = "san+liv"


def settings_of(name, plant):
    """What a setting means to the bench."""
    if name == CRASH_ONLY:
        # Sanitizers where memory errors can be: elsewhere they would only take the time in which LIV could see something.
        memory = plant.header.get("Class") == "MEM" or plant.id.startswith("S")
        return {"oracles": "liv", "variant": "san" if memory else "plain"}
    if name.startswith("without-"):
        return {"oracles": ",".join(oracle for oracle in ORACLES if oracle != name[len("without-"):])}
    if "+" in name:
        generator, feedback = name.split("+")
        return {"empty": True, "env": {"TOUCHSTONE_GENERATOR": generator,
                                       "TOUCHSTONE_STATE_FEEDBACK": "1" if feedback == "state" else "0"}}
    return {}


def budget_of(plant):
    letter = plant.header.get("Predicted", "M")[:1]
    return BUDGETS.get(letter, BUDGETS["M"])


class Task:
    """One run: what it is called, and how long it may take."""

    def __init__(self, setting, engine, seed, budget):
        self.setting = setting
        self.engine = engine
        self.seed = seed
        self.budget = budget


def settings_known():
    """Names of all settings there are."""
    return ["all"] + ["without-" + oracle for oracle in ORACLES] + [CRASH_ONLY] + \
        [f"{generator}+{feedback}" for generator in GENERATORS for feedback in FEEDBACKS]


def tasks_of(table, plant, seeds, only_engines):
    """The runs of one plant for a table, in order. Those of "oracles" depend on the first, see derived()."""
    able = engines.engines_of(plant)
    if table == "engines":
        tasks = []
        for engine in able:
            if engine in engines.SEEDLESS:
                tasks.append(Task("all", engine, 0, engines.FIXED_WORK_SECONDS))
            else:
                tasks += [Task("all", engine, seed, budget_of(plant)) for seed in range(1, seeds + 1)]
        return [task for task in tasks if not only_engines or task.engine in only_engines]
    if table == "oracles":
        names = ["all"] + ["without-" + oracle for oracle in ORACLES] + [CRASH_ONLY]
        return [Task(name, "hunt", 1, ABLATION_LIMIT) for name in names] if "hunt" in able else []
    if engines.target_of(plant) != "host_abi_fuzzer" or "libfuzzer" not in able:
        return []
    # What is found within seconds from nothing is luck for a good part: more than one seed where there is something to compare.
    return [Task(f"{generator}+{feedback}", "libfuzzer", seed, ABLATION_LIMIT)
            for generator in GENERATORS for seed in range(1, (seeds if generator == "handles" else 1) + 1)
            for feedback in FEEDBACKS]


def derived(table, task, first):
    """May the outcome of `task` be read off the run with everything on? None: no, run it. Else the row's facts."""
    if table != "oracles" or task.setting == "all" or first is None:
        return None
    if not first["detected"]:
        return first
    off = task.setting[len("without-"):].upper() if task.setting != CRASH_ONLY else None
    if off is not None:
        return first if first["oracle"] != off else None
    return first if first["oracle"] in ("SAN", "LIV") else None


class Campaign:
    def __init__(self, bench, builder, data, table, commit, limit, seeds, only_engines, only_settings=()):
        self.bench = bench
        self.builder = builder
        self.data = data  # {table: Rows}
        self.results = data[table]
        self.table = table
        self.commit = commit
        self.limit = limit  # of this start; None: the budget of each run
        self.seeds = seeds
        self.only_engines = only_engines
        self.only_settings = only_settings
        self.machine = rows.machine()
        self.failures = []
        self.accused = []  # what the clean monitor was found to do as well
        self.by_seed = {}  # (plant, engine) that a seed alone showed: facts
        self.finished = self.total = 0

    def allowance(self, task):
        if task.engine in engines.SEEDLESS or self.limit is None:
            return task.budget
        return min(task.budget, self.limit)

    def name(self, plant, task):
        return {"set": self.table, "setting": task.setting, "commit": self.commit, "plant": plant.id,
                "patch": rows.digest_of(plant.text), "engine": task.engine, "seed": task.seed}

    def missing(self, plant):
        return [task for task in tasks_of(self.table, plant, self.seeds, self.only_engines)
                if (not self.only_settings or task.setting in self.only_settings) and
                not self.results.done(rows.key_of(self.name(plant, task)), self.allowance(task))]

    def record(self, plant, task, facts, is_derived):
        row = {"schema": rows.SCHEMA, **self.name(plant, task), "machine": self.machine, "limit": self.allowance(task),
               "derived": is_derived}
        for name in (*rows.FACTS, *rows.MAYBE):
            row.setdefault(name, facts[name] if name in facts else None)
        self.results.add(row)
        self.finished += 1
        seen = f"{row['oracle']}/{row['property']}" if row["detected"] else "-"
        print(f"[{self.finished}/{self.total}] {plant.id:<8} {task.setting:<14} {task.engine:<10} seed {task.seed}  "
              f"{'detected' if row['detected'] else 'NOT detected':<12} {row['executions']:>9} executions "
              f"{row['cpu_seconds']:>8.2f} CPU s  {seen}{'  (derived)' if is_derived else ''}", file=sys.stderr, flush=True)

    def plant(self, plant):
        """All missing runs of one plant. A plant that does not build is remembered, not recorded, and so is a run whose
        finding the clean monitor shows as well: there is no figure for it."""
        tasks = self.missing(plant)
        if not tasks:
            return
        with self.builder.alone(plant.id):
            try:
                source = self.builder.copy_source(plant)
                for task in tasks:
                    self.one(plant, source, task)
                    if self.bench.meter.stopped:
                        return
            except (planting.BuildFailed, engines.EngineFailed, engines.Accused) as problem:
                what = self.accused if isinstance(problem, engines.Accused) else self.failures
                what.append(f"{plant.id}: {problem}")
                print(f"touchstone scoreboard: {plant.id}: {problem}", file=sys.stderr, flush=True)
            finally:
                shutil.rmtree(os.path.join(self.builder.work, plant.id), ignore_errors=True)

    def in_first_table(self, plant, task):
        """The same run, or a longer one, of the table of engines."""
        if self.table != "oracles" or task.setting != "all":
            return None
        key = rows.key_of({**self.name(plant, task), "set": "engines"})
        row = self.data["engines"].by_key.get(key)
        return row if row is not None and (row["detected"] or row["limit"] >= self.allowance(task)) else None

    def one(self, plant, source, task):
        first = next(iter(self.results.of(set=self.table, setting="all", commit=self.commit, plant=plant.id,
                                          patch=rows.digest_of(plant.text))), None)
        facts = derived(self.table, task, first) or self.in_first_table(plant, task)
        if facts is None and self.table == "engines":
            facts = self.by_seed.get((plant.id, task.engine))
        if facts is not None:
            self.record(plant, task, facts, True)
            return
        outcome = self.bench.run(task.engine, plant, source, task.seed, self.allowance(task), settings_of(task.setting, plant))
        # Cut short by an interruption, and nothing found: that is no answer.
        if not self.bench.meter.stopped or outcome.detected:
            outcome.cpu_seconds = round(outcome.cpu_seconds, 2)
            if outcome.by_seed and outcome.detected:
                self.by_seed[plant.id, task.engine] = vars(outcome)
            self.record(plant, task, vars(outcome), False)

    def run(self, plants, jobs):
        """True when everything that was asked for is there now."""
        self.total = sum(len(self.missing(plant)) for plant in plants)
        print(f"touchstone scoreboard: {self.table}: {self.total} runs are missing for {self.commit}", file=sys.stderr,
              flush=True)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=jobs)
        waiting = [pool.submit(self.plant, plant) for plant in plants]
        try:
            for done in concurrent.futures.as_completed(waiting):
                done.result()
        finally:
            self.bench.meter.stopped or pool.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(wait=True, cancel_futures=True)
        return not self.failures and not self.bench.meter.stopped
