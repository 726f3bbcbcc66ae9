#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Two hundred crashes of twelve bugs, in one heap and under names that tell nothing, become exactly twelve findings, each with
# the right oracle, call and severity, and with all of its crashes. The monitor has all twelve bugs at once. Runs in a build
# with gcc, one with clang 19, and one with clang 14 (which has UndefinedBehaviorSanitizer): the same in each. How the crashes were
# made: mixed/make.py.

. "${0%/*}/lib/cli.sh"

case ${BUILD_DIR##*/} in
    host-release | host-clang19 | host-ubsan) ;;
    *) once "gcc, clang 19 and clang 14 are three of the builds" ;;
esac
for tool in ninja patch; do
    command -v "$tool" >/dev/null || {
        echo "$tool is missing: install the Debian packages ninja-build and patch"
        exit 77
    }
done
[ -f "$BUILD_DIR/build.ninja" ] || {
    echo "the commands of this build are not known: it is none of ninja's"
    exit 77
}
mixed=$SOURCE_DIR/harness/tests/mixed
grep -v '^#' "$mixed/twelve.tsv" >"$scratch/twelve"

# --- the monitor with all twelve: what the patches change, compiled and linked as this build does it
mkdir "$scratch/tree" "$scratch/objects"
cp -r "$SOURCE_DIR/monitor" "$scratch/tree"
while read -r plant _; do
    patch=$SOURCE_DIR/harness/plants/$plant.patch
    [ -f "$patch" ] || patch=$SOURCE_DIR/harness/tests/breaks/$plant.patch
    holds "$plant goes in" patch -d "$scratch/tree" -p1 -s -f -F3 --no-backup-if-mismatch -r - -i "$patch"
    sed -n 's|^+++ b/\(.*\)|\1|p' "$patch" >>"$scratch/changed"
done <"$scratch/twelve"
echo harness/plants/canary.c >>"$scratch/changed"

# last_command <target>: the one that makes it.
last_command() { ninja -C "$BUILD_DIR" -t commands "$1" | tail -n 1; }

# Each file as its own command says: calls that a trace can make fail go by another name, but where the function is.
sort -u "$scratch/changed" | while read -r file; do
    source=$scratch/tree/$file
    [ -f "$source" ] || source=$SOURCE_DIR/$file
    object=$scratch/objects/$(echo "$file" | tr / -).o
    case $file in
        monitor/*) some=${file#monitor/} ;;
        *) some=core/measure.c ;; # any
    esac
    last_command "monitor/CMakeFiles/monitor_host.dir/$some.o" | sed "s| -MD.*||" >"$scratch/compile"
    (cd "$BUILD_DIR" && sh -c "$(cat "$scratch/compile") -Wno-error -w -std=gnu17 -o '$object' -c '$source'") || exit 1
done >"$scratch/out" 2>"$scratch/err" || fail "the twelve do not compile"
# In front of the libraries the changed files take the place of theirs.
last_command touchstone | sed "s| -o touchstone | $(echo "$scratch"/objects/*.o) -o '$scratch/touchstone' |; s|^: && ||; s| && :\$||" >"$scratch/link"
(cd "$BUILD_DIR" && sh "$scratch/link") >"$scratch/out" 2>"$scratch/err" || fail "the twelve do not link"

# --- the heap: names by content, as engines give them
mkdir "$scratch/one" "$scratch/heap"
while read -r plant _; do
    csplit -q -z -n 3 -f "$scratch/one/$plant-" "$mixed/$plant.crashes" '/^touchstone 1/' '{*}'
    rm "$scratch/one/$plant-000" # the header of the file
done <"$scratch/twelve"
for file in "$scratch"/one/*; do
    touchstone asm "$file" -o "$file.tst"
    [ "$code" -eq 0 ] || fail "$file is no trace"
    name=crash-$(sha256sum <"$file.tst" | cut -c 1-40)
    echo "$name ${file##*/}" >>"$scratch/names"
    mv "$file.tst" "$scratch/heap/$name"
done
holds "there are two hundred" test "$(find "$scratch/heap" -type f | wc -l)" -eq 200

# --- sorted
planted=$scratch/touchstone
run_planted triage --json --execs 200 --findings "$scratch/findings" "$scratch/heap"
expect 5 "two hundred crashes are sorted"
cp "$scratch/out" "$scratch/sorted"
python3 - "$scratch/sorted" "$scratch/twelve" "$scratch/names" >"$scratch/out" 2>"$scratch/err" <<'PYTHON' || fail "they are the twelve bugs"
import json, os, sys

findings = json.load(open(sys.argv[1]))["findings"]
wanted = [line.split() for line in open(sys.argv[2])]
plant_of = {name: file.rsplit("-", 1)[0] for name, file in (line.split() for line in open(sys.argv[3]))}
good = len(findings) == 12
for one in findings:
    with open(os.path.join(one["path"], "occurrences.txt"), encoding="utf-8") as stream:
        inside = [plant_of[os.path.basename(line.split()[2])] for line in stream]
    plants = sorted(set(inside))
    row = next((row for row in wanted if row[0] == plants[0]), None)
    want = (row[1], row[2] if row[2] != "-" else one["property"], row[3], row[4])
    seen = (one["oracle"], one["property"], one["call"], one["severity"])
    whole = len(plants) == 1 and len(inside) == sum(name == plants[0] for name in plant_of.values()) == one["count"]
    right = whole and seen == want and one["status"] == "open" and one["reproduced"][0] == one["reproduced"][1]
    good = good and right
    print("ok " if right else "BAD", one["count"], *seen, one["status"], ", ".join(plants), "" if seen == want else f"wanted {want}")
sys.exit(not good)
PYTHON
cat "$scratch/out"
finish
