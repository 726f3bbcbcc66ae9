# SPDX-License-Identifier: Apache-2.0
"""From what a run left behind to one results document.

Reads the fragments in build/results, the reproducers in findings/, the commit and the tools, and puts them together.
Nothing is dropped in silence: a fragment that cannot be used is listed with the reason, a kind of result that is not
there is listed as missing, a text that is too long says how much of it was left out, and a fragment written before
the checked-out commit is marked as older.

The shape of the document is results-1.schema.json. Every list is in the order of names, so that the same inputs give
the same document, but for the time it was generated (SOURCE_DATE_EPOCH fixes that too).
"""

import datetime
import functools
import os
import platform
import re
import subprocess

import validate

SCHEMA = "touchstone-results/1"
FRAGMENT_SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fragment-1.schema.json")
KINDS = ("fuzz", "replay", "matrix", "coverage", "size", "plants", "switch", "qemu", "tests", "bench", "table")
OPTIONAL = ("table",)  # nobody misses it

MAX_TEXT = 64 << 10
MAX_FINDINGS = 2000
MAX_REPRODUCERS = 100

# How to ask each tool for its version; the first match of the pattern in what it prints is the answer.
TOOLS = (
    ("gcc", ["gcc", "--version"]),
    ("clang-14", ["clang-14", "--version"]),
    ("clang-19", ["clang-19", "--version"]),
    ("AFL++", ["afl-fuzz", "-h"]),
    ("riscv64-unknown-elf-gcc", ["riscv64-unknown-elf-gcc", "--version"]),
    ("QEMU", ["qemu-system-riscv64", "--version"]),
    ("Unicorn", ["pkg-config", "--modversion", "unicorn"]),
    ("CMake", ["cmake", "--version"]),
)
VERSION = re.compile(r"(?:\+\+|\b)(\d+\.\d+(?:\.\d+)*[a-z]?)\b")

SEVERITIES = {
    "S0": "confidentiality",
    "S1": "isolation",
    "S2": "memory safety",
    "S3": "availability",
    "S4": "ABI",
    "S5": "model",
}


def collect(root, build):
    """The results document for the tree at `root` with its build folder at `build`."""
    project = project_of(root)
    results = {
        "schema": SCHEMA,
        "generated": stamp(now()),
        "project": project,
        "environment": environment_of(),
        "fragments": [],
        "missing": [],
    }
    for kind in KINDS:
        results[kind] = []
    read_fragments(results, os.path.join(build, "results"), root)
    results["missing"] = [kind for kind in KINDS if kind not in OPTIONAL and not was_run(results, kind)]
    results["findings"], results["findings_left_out"] = read_findings(os.path.join(root, "findings"), root)
    results["totals"] = totals_of(results)
    results["verdict"] = verdict_of(results)
    return results


# ---------------------------------------------------------------- fragments


def read_fragments(results, folder, root):
    """Puts each fragment of `folder` into results[kind], and one line per file into results["fragments"]."""
    schema = validate.load(FRAGMENT_SCHEMA)
    validate.check_schema(schema)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith("."))
    except FileNotFoundError:
        names = []
    commit_time = results["project"]["commit_time"]
    for name in names:
        path = os.path.join(folder, name)
        entry = {
            "file": os.path.relpath(path, root),
            "kind": None,
            "status": "used",
            "why": "",
            "written": None,
            "older": False,
        }
        results["fragments"].append(entry)
        try:
            written = int(os.stat(path).st_mtime)
            entry["written"] = stamp(written)
            entry["older"] = commit_time is not None and stamp(written) < commit_time
            fragment = validate.load(path)
            kind = fragment.get("kind") if isinstance(fragment, dict) else None
            entry["kind"] = kind if kind in KINDS else None
            mistakes = validate.validate(fragment, schema)
            if not mistakes:
                mistakes = validate.validate(fragment, schema["$defs"][kind], schema)
        except (validate.DocumentError, OSError) as error:
            mistakes = [str(error)]
        if mistakes:
            more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
            entry.update(status="broken", why=mistakes[0] + more)
            continue
        fragment["source"] = entry["file"]
        fragment["older"] = entry["older"]
        results[kind].append(prepared(fragment, root))


def was_run(results, kind):
    """The steps of another script do not make up for those of ci/test."""
    if kind == "tests":
        return any(fragment["script"] == "ci/test" for fragment in results["tests"])
    return bool(results[kind])


def prepared(fragment, root):
    """The fragment in the form that the writers rely on."""
    del fragment["schema"]
    kind = fragment.pop("kind")
    if kind == "fuzz":
        seconds = fragment["seconds"]
        fragment["stability"] = percent_of(fragment.get("stability"))
        fragment["executions_per_second"] = round(fragment["executions"] / seconds, 1) if seconds else None
    if kind == "coverage":
        total = fragment["total"]
        total["percent"] = share(total["covered"], total["lines"])
    if kind == "tests":
        fragment.setdefault("script", "ci/test")
    if kind == "plants":
        for plant in fragment["plants"]:
            plant["title"] = plant.get("title") or plant_title(plant["id"], root)
    if kind == "qemu":
        fragment["log"] = log_text(fragment.get("log"), root)
    return fragment


def plant_title(name, root):
    """What the header of the patch calls the bug; None when the patch came from elsewhere."""
    if not re.fullmatch(r"[\w-]+", name):
        return None
    try:
        with open(
            os.path.join(root, "harness", "plants", f"{name}.patch"), encoding="utf-8", errors="replace"
        ) as patch:
            match = re.search(r"^Title: (.+)$", patch.read(4096), re.MULTILINE)
    except OSError:
        return None
    return match.group(1).strip() if match else None


def log_text(log, root):
    """A log is given as text, or as the path of a file of this tree."""
    if not log:
        return None
    if "\n" not in log and len(log) < 1024:
        path = os.path.realpath(os.path.join(root, log))
        if os.path.isfile(path):
            return read_text(path)
    return shorten(log)


def percent_of(value):
    """99.5 of 99.5, "99.50%" and "99.50 %"; None of anything that is not a percentage."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%?\s*", value)
        value = float(match.group(1)) if match else None
    return round(value, 2) if value is not None else None


def share(part, whole):
    """Percentage, rounded down, so that 100 means all and nothing less."""
    return (10000 * part // whole) / 100 if whole else None


# ---------------------------------------------------------------- findings


# States of a finding that somebody has to do something about: it shows each time, now and then, or the harness made it up.
UNSOLVED = ("open", "flaky", "harness")


def read_findings(folder, root):
    """What was found, in the order of severity and name: (list, how many reproducers were left out).

    A fuzzer keeps many inputs that show one bug. They are one finding here: the shortest trace stands for all.
    """
    try:
        entries = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return [], 0
    stems, folders = {}, []
    for name in entries:
        stem, extension = os.path.splitext(name)
        if os.path.isdir(os.path.join(folder, name)):
            folders.append(name)
        elif extension != ".part":
            stems.setdefault(stem, {})[extension] = os.path.join(folder, name)
    found = [finding_of_files(stem, parts, root) for stem, parts in sorted(stems.items())[:MAX_FINDINGS]]
    found += [finding_of_folder(name, os.path.join(folder, name), root) for name in folders[:MAX_FINDINGS]]
    return grouped(found), max(0, len(stems) - MAX_FINDINGS) + max(0, len(folders) - MAX_FINDINGS)


def grouped(found):
    """One finding per bug, as far as its reproducers name the same oracle, property and call."""
    groups = {}
    for finding in found:
        name = (finding["oracle"], finding["property"], finding["call"]) if finding["oracle"] else finding["id"]
        groups.setdefault((finding["status"], name), []).append(finding)
    findings = []
    for group in groups.values():
        group.sort(key=lambda finding: (length_of(finding["trace"]), finding["id"]))
        first = group[0]
        engines = sorted({finding["engine"] for finding in group if finding["engine"]})
        first["engine"] = ", ".join(engines) or None
        first["severity"] = min((f["severity"] for f in group if f["severity"]), default=None)
        first["count"] = sum(finding["count"] for finding in group)
        first["reproducers"] = [finding["path"] for finding in group[:MAX_REPRODUCERS]]
        findings.append(first)
    return sorted(findings, key=lambda finding: (finding["severity"] or "S9", finding["id"]))


def length_of(trace):
    """Lines of a trace; a finding without one comes after all that have one."""
    return trace.count("\n") if trace else 1 << 32


def blank_finding(name, path, root):
    return {
        "id": name,
        "title": None,
        "severity": None,
        "oracle": None,
        "property": None,
        "call": None,
        "step": None,
        "operation": None,
        "target": None,
        "engine": None,
        "path": os.path.relpath(path, root),
        "reproduce": None,
        "trace": None,
        "log": None,
        "status": "open",
        "problem": None,
        "count": 1,
        "reproducers": [],
    }


def finding_of_files(stem, parts, root):
    """<name>.tst, the input; <name>.trace, its text; <name>.txt, who found it and what a replay said."""
    first = parts.get(".tst") or sorted(parts.values())[0]
    finding = blank_finding(stem, first, root)
    target = re.match(r"(.+_fuzzer)-", stem)
    finding["target"] = target.group(1) if target else None
    named = HUNT_NAME.fullmatch(stem)
    if named:
        take_identity(finding, named)
        finding["engine"] = "touchstone hunt"
    if ".trace" in parts:
        finding["trace"] = read_text(parts[".trace"])
    if ".txt" in parts:
        describe(finding, read_text(parts[".txt"]))
    if ".tst" in parts or ".trace" in parts:
        finding["reproduce"] = finding["reproduce"] or f"ci/touchstone run {finding['path']}"
    else:
        finding["problem"] = "no .tst and no .trace file beside it"
    finding["title"] = finding["title"] or f"input kept as {finding['path']}, not yet explained"
    return finding


def finding_of_folder(name, path, root):
    """<id>/ with any of bug.json, title.txt, trace.txt or *.trace, min.tst, input.tst, run.log."""
    finding = blank_finding(name, path, root)
    files = sorted(name for name in os.listdir(path) if os.path.isfile(os.path.join(path, name)))  # a pipe would be waited for
    for wanted in ("trace.txt", "min.trace", *[file for file in files if file.endswith(".trace")]):
        if wanted in files and finding["trace"] is None:
            finding["trace"] = read_text(os.path.join(path, wanted))
    for wanted in ("run.log", "run.txt", "asan.log"):
        if wanted in files and finding["log"] is None:
            describe(finding, read_text(os.path.join(path, wanted)))
    if "title.txt" in files:
        finding["title"] = read_text(os.path.join(path, "title.txt")).strip().split("\n")[0] or None
    if "bug.json" in files:
        take_bug_json(finding, os.path.join(path, "bug.json"))
    for wanted in ("min.trace", "min.tst", "input.tst", *[file for file in files if file.endswith((".tst", ".trace"))]):
        if wanted in files and finding["reproduce"] is None:
            finding["reproduce"] = f"ci/touchstone run {finding['path']}/{wanted}"
    if finding["reproduce"] is None and finding["problem"] is None:
        finding["problem"] = "no trace in this folder"
    finding["title"] = finding["title"] or f"{name}, not yet explained"
    return finding


def take_bug_json(finding, path):
    try:
        bug = validate.load(path)
        if not isinstance(bug, dict):
            raise validate.DocumentError("expected an object")
    except validate.DocumentError as error:
        finding["problem"] = f"bug.json: {error}"
        return
    key = bug.get("key") if isinstance(bug.get("key"), dict) else {}
    repro = bug.get("repro") if isinstance(bug.get("repro"), dict) else {}
    given = {
        "title": bug.get("title"),
        "severity": bug.get("severity"),
        "target": bug.get("target"),
        "engine": bug.get("engine"),
        "status": bug.get("status"),
        "oracle": key.get("oracle"),
        "property": key.get("property"),
        "call": key.get("call"),
        "reproduce": repro.get("cmd"),
    }
    for name, value in given.items():
        if isinstance(value, str) and value:
            finding[name] = value
    finding["severity"] = severity_of(finding["severity"])
    if isinstance(bug.get("count"), int) and not isinstance(bug["count"], bool) and bug["count"] > 0:
        finding["count"] = bug["count"]


# How a replay tells of a broken promise:
#   FINDING file: OWN scrub in covh_reclaim_pages (S0 confidentiality)
#     step 7: h0 covh_reclaim_pages(base=win[0], num_pages=2)
#     window frame 1 was opened to the host without being zeroed
STORY = re.compile(
    r"^FINDING (?:.*: )?(?P<oracle>[A-Z]+) (?P<property>\S+) in (?P<call>\w+) \((?P<severity>S[0-5])[^)\n]*\)\n"
    r"(?:  step (?P<step>\d+): (?P<operation>.*)\n)?(?:  (?P<text>\S.*))?",
    re.MULTILINE,
)
# The name that `touchstone hunt` gives a finding says the same in short.
HUNT_NAME = re.compile(r"hunt-(?P<oracle>[A-Z]+)-(?P<property>.+)-(?P<call>\w+)-[0-9a-f]{16}")
SANITIZER = re.compile(
    r"^.*?(?:(?:ERROR|WARNING): (?P<tool>\w+Sanitizer): (?P<what>.*)|(?P<place>\S+?): runtime error: (?P<ub>.*))$",
    re.MULTILINE,
)
# The first line of a stack that is in this project, and not in a sanitizer or the C library.
OWN_FRAME = re.compile(r"^\s+#\d+ 0x[0-9a-f]+ in (?P<function>\w+) \S*?(?:monitor|harness)/\S+", re.MULTILINE)


def describe(finding, log):
    """Takes oracle, severity and title from the log of a replay, as far as it names them."""
    finding["log"] = log
    engine = re.search(r"^found by\s+([^\n,(]+)", log, re.MULTILINE)
    finding["engine"] = engine.group(1).strip() if engine else finding["engine"]
    command = re.search(r"^reproduce\s+(\S[^\n]*)", log, re.MULTILINE)
    finding["reproduce"] = command.group(1).strip() if command else finding["reproduce"]
    story = STORY.search(log)
    if story:
        take_identity(finding, story)
        finding["severity"] = story["severity"]
        finding["step"] = int(story["step"]) if story["step"] else None
        finding["operation"] = story["operation"]
        finding["title"] += f": {story['text'].strip()}" if story["text"] else ""
        return
    sanitizer = SANITIZER.search(log)
    if sanitizer:
        what = (sanitizer["what"] or sanitizer["ub"]).strip()
        frame = OWN_FRAME.search(log, sanitizer.end())
        site = frame.group("function") if frame else sanitizer["place"]
        finding["severity"], finding["oracle"] = "S2", "SAN"
        finding["property"] = (what.split()[0] if sanitizer["what"] else "undefined-behaviour") + (
            f" in {site}" if site else ""
        )
        finding["title"] = f"{what} in {site}" if site else what


def take_identity(finding, match):
    finding["oracle"], finding["property"] = match["oracle"], match["property"]
    finding["call"] = match["call"] if match["call"] != "none" else None
    finding["title"] = (
        f"{match['oracle']} {match['property']} in {match['call']}"
        if finding["call"]
        else f"{match['oracle']} {match['property']}"
    )


def severity_of(text):
    match = re.match(r"S[0-5]\b", text or "")
    return match.group(0) if match else None


# ---------------------------------------------------------------- judgement


def passed(status):
    return status in ("ok", "passed", "pass")


def totals_of(results):
    """The numbers of the overview, each the plain sum of what the fragments say."""
    plants = [plant for fragment in results["plants"] for plant in fragment["plants"]]
    checks = [check for fragment in results["qemu"] for check in fragment["checks"]]
    steps = [step for fragment in results["tests"] for step in fragment["steps"]]
    files = [file for fragment in results["replay"] for file in fragment["files"]]
    edges = [edge for fragment in results["switch"] for edge in fragment["edges"]]
    covered = [fragment["total"] for fragment in results["coverage"]]
    cells = [cell for fragment in results["matrix"] for cell in fragment["cells"] if cell["wanted"]]
    return {
        "executions": sum(fragment["executions"] for fragment in results["fuzz"]),
        "fuzz_findings": sum(fragment["findings"] for fragment in results["fuzz"]),
        "open_findings": sum(finding["status"] in UNSOLVED for finding in results["findings"]),
        "open_reproducers": sum(f["count"] for f in results["findings"] if f["status"] in UNSOLVED)
        + results["findings_left_out"],
        "traces": len(files),
        "traces_failed": sum(not passed(file["status"]) and file["status"] != "finding" for file in files),
        "traces_finding": sum(file["status"] == "finding" for file in files),
        "plants": len(plants),
        "plants_detected": sum(plant["detected"] for plant in plants),
        "checks": len(checks),
        "checks_failed": max(
            sum(not passed(check["status"]) for check in checks),
            sum(fragment["failed"] for fragment in results["qemu"]),
        ),
        "steps": len(steps),
        "steps_failed": sum(step["status"] == "failed" for step in steps),
        "steps_skipped": sum(step["status"] == "skipped" for step in steps),
        "switch_replays": sum(edge["replays"] for edge in edges),
        "switch_pairs": sum(edge.get("pairs", 0) for edge in edges),
        "switch_violations": max(
            sum(edge["violations"] for edge in edges),
            sum(size(fragment.get("violations", 0)) for fragment in results["switch"]),
        ),
        "lines": sum(total["lines"] for total in covered),
        "lines_covered": sum(total["covered"] for total in covered),
        "coverage_percent": share(
            sum(total["covered"] for total in covered), sum(total["lines"] for total in covered)
        ),
        "cells": len(cells),
        "cells_reached": sum(cell["seeds"] >= cell["wanted"] for cell in cells),
        "code_lines": sum(fragment["total"] for fragment in results["size"]),
        "tables_failed": sum(fragment["failed"] for fragment in results["table"]),
    }


def size(value):
    return len(value) if isinstance(value, list) else value


def verdict_of(results):
    """finding: a promise of the monitor is broken. failed: a check did not pass. unknown: there is nothing to judge
    by. clean: everything that was run passed; what was not run is in `missing` and is said beside it."""
    totals = results["totals"]
    findings, failures = [], []

    def count(into, number, noun, rest):
        if number:
            into.append(f"{number} {noun}{'' if number == 1 else 's'} {rest}")

    count(findings, totals["fuzz_findings"], "input", "found by fuzzing that broke a promise")
    count(findings, totals["open_findings"], "bug", f"with {totals['open_reproducers']} reproducers in findings/")
    count(findings, totals["traces_finding"], "trace", "of the corpora showed a broken promise")
    count(findings, totals["switch_violations"], "violation", "in the world switch")
    count(failures, totals["traces_failed"], "trace", "of the corpora did not replay as recorded")
    count(failures, totals["plants"] - totals["plants_detected"], "planted bug", "not detected")
    count(failures, totals["checks_failed"], "check", "of the QEMU boot failed")
    for fragment in results["tests"]:
        number = sum(step["status"] == "failed" for step in fragment["steps"])
        count(failures, number, "step", f"of {fragment['script']} failed")
    for fragment in results["fuzz"]:
        if fragment["executions"] == 0:
            failures.append(f"{fragment['engine']} ran nothing on {fragment['target']}")
    for fragment in results["coverage"]:
        if fragment["total"].get("passed") is False:
            failures.append(f"coverage by the seeds is below {fragment['total'].get('floor', '?')} %")
    count(failures, totals["cells"] - totals["cells_reached"], "cell", "of the matrix not reached by the corpora")
    for fragment in results["matrix"]:
        refuted = sum(cell["seeds"] > 0 for cell in fragment["cells"] if "unreachable" in cell)
        count(failures, refuted, "cell", "of the matrix said to be unreachable and reached")
        count(failures, len(fragment["surprises"]), "outcome", "seen that the matrix does not list")
    for fragment in results["table"]:
        count(failures, fragment["failed"], "entry", f"of “{fragment['title']}” failed")
    for fragment in results["size"]:
        if not fragment["passed"]:
            failures.append("the monitor is larger, or needs deeper stacks, than allowed")
    for entry in results["fragments"]:
        if entry["status"] != "used":
            failures.append(f"{entry['file']}: {entry['why']}")
    if findings:
        return {"state": "finding", "text": "The monitor broke a promise", "reasons": findings + failures}
    if failures:
        return {"state": "failed", "text": "A check failed", "reasons": failures}
    if not any(results[kind] for kind in KINDS):
        return {"state": "unknown", "text": "Nothing was run", "reasons": ["build/results holds no result"]}
    text = "Nothing found" if results["fuzz"] else "All that was run passed"
    return {"state": "clean", "text": text, "reasons": []}


# ---------------------------------------------------------------- surroundings


def run(command, cwd=None):
    """What a program prints, or None when it is not there or does not answer."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def git(root, *arguments):
    done = run(["git", *arguments], cwd=root)
    return done[1].strip() if done and done[0] == 0 else None


def project_of(root):
    changed = git(root, "status", "--porcelain", "--untracked-files=no")
    seconds = git(root, "log", "-1", "--format=%ct")
    return {
        "name": "Touchstone",
        "commit": git(root, "rev-parse", "HEAD"),
        "commit_time": stamp(int(seconds)) if seconds else None,
        "subject": git(root, "log", "-1", "--format=%s"),
        "modified": bool(changed) if changed is not None else None,
    }


@functools.lru_cache(maxsize=None)
def tool_versions():
    """(name, version) of each tool; asking them takes a while, and they do not change under us."""
    versions = []
    for name, command in TOOLS:
        done = run(command)
        match = VERSION.search(done[1]) if done else None
        versions.append((name, match.group(1) if match else None))
    return versions + [("Python", platform.python_version())]


def environment_of():
    return {
        "system": system_name(),
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": processor_name(),
        "cores": os.cpu_count() or 0,
        "tools": [{"name": name, "version": version} for name, version in tool_versions()],
    }


def system_name():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def processor_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            match = re.search(r"^model name\s*:\s*(.+)$", stream.read(), re.MULTILINE)
    except OSError:
        match = None
    return match.group(1).strip() if match else "unknown"


def now():
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(fixed) if fixed.isdigit() else int(datetime.datetime.now(datetime.timezone.utc).timestamp())


def stamp(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_text(path):
    """The text of a file, whatever bytes are in it, cut to a length that a page can hold."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_TEXT + 1)
            total = os.fstat(stream.fileno()).st_size
    except OSError as error:
        return f"({os.path.basename(path)} cannot be read: {error.strerror})"
    return shorten(data.decode("utf-8", "replace"), total)


def shorten(text, total=None):
    """Without control characters (a console log has some), and not longer than MAX_TEXT."""
    total = len(text) if total is None else total
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text[:MAX_TEXT]).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if total > MAX_TEXT:
        text += f"\n... {total - MAX_TEXT} more bytes are in the file\n"
    return text
