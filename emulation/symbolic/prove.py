#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone symbolic: the world switch of the linked firmware, proved for all values with z3. See README.md beside this file.

Exit codes: 0 all claims hold on all paths; 5 one does not; 2 usage; 3 a tool is missing; 4 the image cannot be used.
With --leaks: 0 when each of the seeded leaks is refuted, 7 when one is not.
"""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

try:
    import z3  # noqa: F401
except ImportError:
    # Debian's z3 is for Debian's Python; another one may come first on the path.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("touchstone symbolic: no z3 for this Python: install the Debian package python3-z3",
          file=sys.stderr)
    sys.exit(3)

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import claims  # noqa: E402
import fragment  # noqa: E402
import image  # noqa: E402
import leaks  # noqa: E402
import scene  # noqa: E402

ROOT = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(HERE))
# Functions whose every instruction has to be on some path. The last ones are what the switch calls.
COVERED = ("trap_entry", "fatal_entry", "hart_stop", "hal_csr_swap", "hal_fp_save", "hal_fp_load", "hal_fp_zero",
           "hal_vector_save", "hal_vector_load", "hal_vector_zero", "world_enter_guest", "world_exit_guest",
           "world_start_host", "hal_hgatp_write", "hal_hgatp_read", "hal_vsatp_write", "hal_vsatp_read", "hal_fence_all",
           "hal_fence_i", "isolation_open_window", "isolation_close_window")


def not_covered(code, visited):
    """Instructions of these functions that no path executes: then the set of paths is not complete. What stands behind
    the wfi of a stopped hart is its loop; an unimp behind a return is a guard, and a path that comes to it fails."""
    missing = []
    for function in COVERED:
        for address in code.function(function):
            if address not in visited and code.code[address].name not in ("c.j", "c.nop", "c.unimp"):
                missing.append(f"{function}: {code.code[address].text}")
    return missing


def prove(code, root, progress=None, one_is_enough=False):
    """All claims, or up to the first that is refuted. Returns (lines, instructions that no path executes)."""
    report = claims.Report(one_is_enough)
    stage = scene.Scene(code, root)
    for claim in claims.CLAIMS:
        first = len(report.lines)
        try:
            claim(stage, report)
        except claims.Refuted:
            break
        if progress:
            progress(claim.__name__, report.lines[first:])
    return report.lines, not_covered(code, report.visited)


def show(title, lines):
    proved = sum(line["proved"] for line in lines)
    refuted = sum(len(line["refuted"]) for line in lines)
    print(f"  {title:<22} {len(lines):>4} paths {proved:>6} claims proved {refuted:>4} refuted", flush=True)
    for line in lines:
        for entry in line["refuted"][:3]:
            print(f"    VIOLATION {line['path']}: {entry['claim']}{' (cannot be decided)' if entry['unknown'] else ' is not so'}{', with ' if entry['with'] else ''}"
                  f"{', '.join(entry['with'])}")


def write_fragment(path, lines, missing, seconds):
    """A table for the report: one row per path."""
    rows = [{"cells": [line["path"], line["instructions"], line["proved"],
                       "; ".join(entry["claim"] for entry in line["refuted"]) or None],
             "status": "failed" if line["refuted"] else "passed"} for line in lines]
    rows += [{"cells": [f"no path executes {text}", None, None, None], "status": "failed"} for text in missing]
    proved = sum(line["proved"] for line in lines)
    fragment.write(path, fragment.table(
        "symbolic", "World switch, for all values",
        "Is the world switch of the linked image right whatever is in the registers, and do its paths show nothing?",
        "ci/symbolic", ["~path", ">instructions", ">claims proved", "~refuted"], rows,
        notes=[f"{len(lines)} paths, {proved} claims, {seconds:.1f} seconds of processor time. The set of paths is complete: "
               "a branch is followed to both sides unless z3 excludes one, and every instruction of the switch is on a path."
               if not missing else f"{len(missing)} instructions are on no path: the set of paths is not complete."]))


def main():
    parser = argparse.ArgumentParser(prog="touchstone symbolic", allow_abbrev=False, description=__doc__.splitlines()[0])
    parser.add_argument("firmware", nargs="?", default=os.path.join(ROOT, "build/firmware/fw.elf"))
    parser.add_argument("--leaks", action="store_true", help="prove images with seeded leaks instead: each has to be refuted")
    parser.add_argument("--json", metavar="FILE", help="write the result as a fragment for the report")
    chosen = parser.parse_args()

    start = time.process_time()
    try:
        code = image.Image(chosen.firmware)
        if chosen.leaks:
            return leaks.check(code, chosen.firmware, ROOT, prove)
        print(f"{os.path.relpath(chosen.firmware)}")
        lines, missing = prove(code, ROOT, show)
    except image.Unusable as problem:
        print(f"touchstone symbolic: {problem}", file=sys.stderr)
        return 4
    for text in missing:
        print(f"    NOT COMPLETE no path executes {text}")
    refuted = [line for line in lines if line["refuted"]]
    seconds = time.process_time() - start
    print(f"{len(lines)} paths, {sum(line['proved'] for line in lines)} claims proved for all values, "
          f"{sum(len(line['refuted']) for line in refuted)} refuted, {len(missing)} instructions on no path, {seconds:.1f} CPU s")
    if chosen.json:
        write_fragment(chosen.json, lines, missing, seconds)
    return 5 if refuted or missing else 0


if __name__ == "__main__":
    sys.exit(main())
