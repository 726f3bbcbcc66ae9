#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# print --json says all that the text says: the text of every seed, of traces from any bytes and of a schedule can be put together
# from it again. A bad file is a member that says so, and a line on standard error.

. "${0%/*}/lib/cli.sh"

for number in 1 2 3 4 5 6; do
    awk -v seed="$number" 'BEGIN { srand(seed); for (i = 0; i < 9000; i++) printf "%c", int(rand() * 255) + 1 }' >"$scratch/any$number.tst"
done
printf 'touchstone 1 harts=2 host_pages=128 seed=18446744073709551615 iopmp=stuck\nh1 host_ecall(a0=-1, a1=ram[1]-8, a2=0, a3=0, a4=0, a5=0, a6=0, a7=COVH)\nschedule seed=7\ndecisions 80ff01\n' >"$scratch/all.trace"
set --
for file in $(find "$SOURCE_DIR/corpora" -name '*.trace' | sort) "$scratch"/any*.tst "$scratch/all.trace"; do set -- "$@" "$file"; done

touchstone print --any "$@"
expect 0 "text"
cp "$scratch/out" "$scratch/text"
touchstone print --any --json "$@"
expect 0 "JSON"
cp "$scratch/out" "$scratch/json"
python3 - "$scratch/json" <<'PYTHON' >"$scratch/again" 2>"$scratch/err" || fail "JSON can be read"
import json, sys

def number(value):
    return str(value) if value < 4096 else hex(value)

for index, one in enumerate(json.load(open(sys.argv[1]))["files"]):
    print(("\n" if index else "") + "# " + one["file"])
    words = [f"{name}={one[name]}" for name in ("host_pages", "window_pages") if one[name]]
    words += [f"seed={int(one['seed']):#x}"] if one["seed"] != "0" else []
    words += [f"iopmp={one['iopmp']}"] if one["iopmp"] != "present" else []
    print(" ".join(["touchstone 1", f"harts={one['harts']}", *words]))
    for step in one["operations"]:
        if "text" in step:
            print(step["text"])
            continue
        arguments = ", ".join(f"{name}={value}" for name, value in step["arguments"].items())
        print(f"h{step['hart']} {step['operation']}({arguments})" + (f" -> {step['expect']}" if "expect" in step else ""))
    if "schedule" in one:
        print(f"schedule seed={number(int(one['schedule']['seed']))}")
        decisions = one["schedule"]["decisions"]
        for at in range(0, len(decisions), 64):
            print(f"decisions {decisions[at:at + 64]}")
PYTHON
holds "the text can be put together from it" diff "$scratch/text" "$scratch/again"
holds "there is something to compare" test "$(grep -c '^h[0-7] ' "$scratch/text")" -gt 1000

printf 'touchstone 1 harts=2\nh0 nothing()\n' >"$scratch/bad.trace"
touchstone print --json "$scratch/bad.trace" "$scratch/all.trace"
expect 2 "a bad file"
one_line "$scratch/err" "a bad file"
holds "the others are printed" python3 -c 'import json, sys
bad, good = json.load(open(sys.argv[1]))["files"]
sys.exit(bad["ok"] or not good["ok"])' "$scratch/out"
finish
