#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bisect names the commit that brought a finding in. Building a dozen monitors would take long, so the repository here is a small
# one: its `touchstone` says what this one would say, with a finding from the fourth commit on.

. "${0%/*}/lib/cli.sh"

for tool in git cmake ninja; do
    command -v "$tool" >/dev/null || {
        echo "$tool is missing"
        exit 77
    }
done
repository=$scratch/repository
mkdir -p "$repository/monitor/abi" "$scratch/findings/ord-scrub-missing-covh_reclaim_pages-80b54944"
cd "$repository" || exit 1
git init -q . && git config user.name nobody && git config user.email nobody@localhost
: >monitor/abi/calls.def
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(small LANGUAGES C)
add_executable(touchstone touchstone.c)
END
cat >CMakePresets.json <<'END'
{"version": 3, "configurePresets": [{"name": "host-release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/host-release"}]}
END
# commit <subject> <members of the one file, quotes escaped for C>
commit() {
    printf '#include <stdio.h>\nint main(void)\n{\n    puts("{\\"findings\\":[{%s}]}"); /* %s */\n    return 0;\n}\n' "$2" "$1" >touchstone.c
    git add -A && git commit -q -m "$1"
}
clean='\"oracle\":\"none\",\"property\":\"not-reproduced\",\"call\":\"none\"'
broken='\"oracle\":\"ORD\",\"property\":\"scrub-missing\",\"call\":\"covh_reclaim_pages\"'
other='\"oracle\":\"OWN\",\"property\":\"owner\",\"call\":\"covh_create_tvm\"'
commit one "$clean"
commit two "$other"
commit three "$clean"
commit four "$broken"
commit five "$broken"
finding=$scratch/findings/ord-scrub-missing-covh_reclaim_pages-80b54944
echo '{"schema": "touchstone-bug/1", "id": "x", "key": {"oracle": "ORD", "property": "scrub-missing", "call": "covh_reclaim_pages", "site": ""}}' \
    >"$finding/bug.json"
: >"$finding/min.tst"
script=$SOURCE_DIR/harness/cli/bisect.py

# bisect <arguments>: the script itself, on the small repository.
bisect() {
    TOUCHSTONE_SOURCE=$repository python3 "$script" --findings "$scratch/findings" "$@" >"$scratch/out" 2>"$scratch/err"
    code=$?
}

bisect --good HEAD~4 scrub-missing
expect 0 "all commits can be built"
says "$scratch/out" "^[0-9a-f]* four$" "the commit that brought it is named; another finding before it is not taken for it"
holds "nobody's checkout moved" test "$(git log -1 --format=%s)" = five
holds "and no work tree is left" test "$(git worktree list | wc -l)" -eq 1
bisect --good HEAD~4 nothing
expect 2 "no such finding"
one_line "$scratch/err" "no such finding"
bisect --good no-such-commit scrub-missing
expect 2 "no such commit"

git checkout -q -b gap HEAD~2
echo 'this is not C' >touchstone.c && git commit -q -a -m "does not compile"
commit six "$broken"
bisect --good HEAD~2 scrub-missing
expect 7 "nobody can tell when what lies between cannot be built"
says "$scratch/err" "commits do not build: .*error: " "and the compiler's word for it is shown"
for text in '[]' '{"key": 1}' '{"key": {"oracle": 1, "property": [], "call": null}}' '{"key": {"oracle": "ORD"}}' 'null'; do
    echo "$text" >"$finding/bug.json"
    bisect --good HEAD~2 scrub-missing
    expect 2 "a bug.json of $text"
    one_line "$scratch/err" "a bug.json of $text"
done
rm "$finding/bug.json" && mkfifo "$finding/bug.json"
bisect --good HEAD~2 scrub-missing
expect 2 "a bug.json that is a pipe"
rm "$finding/bug.json"
python3 -c 'print("[" * 100000)' >"$finding/bug.json"
bisect --good HEAD~2 scrub-missing
expect 2 "a bug.json of brackets"
one_line "$scratch/err" "a bug.json of brackets"
echo '{"schema": "tou' >"$finding/bug.json"
bisect --good HEAD~2 scrub-missing
expect 2 "a damaged bug.json"
one_line "$scratch/err" "a damaged bug.json"
finish
