#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A trace as a program in C compiles without a warning with gcc and clang and ends as `touchstone run` does: the same
# line, the same state hash, the same exit code.
#
# Many traces are compiled as one program, because compilers take longer to start than to compile. TOUCHSTONE_TO_C=all
# takes every trace of the corpora instead of a sample, and one more compiler.

. "${0%/*}/lib/cli.sh"

step=10
compilers="gcc clang-14"
[ "${TOUCHSTONE_TO_C:-}" = all ] && step=1 && compilers="gcc clang-14 clang-19"
case ${BUILD_DIR##*/} in
    *asan* | *ubsan* | *msan* | coverage) compilers=default && step=60 ;;
esac
cd "$SOURCE_DIR" || exit 1

# One trace by itself, the way its header says.
cat >"$scratch/both.trace" <<'TRACE'
touchstone 1 harts=3 window_pages=256 seed=0x123456789abcdef0 iopmp=absent
h0 covh_convert_pages(base=win[0]+0x10, num_pages=0xffffffffffffffff) -> INVALID_PARAM
h1 covh_convert_pages(base=ram[0]-0x80000000, num_pages=4) -> NONE
h0 base_probe_extension(eid=COVH, sdid=3) -> NOT_SUPPORTED
h0 host_ecall(a0=win[3]+1, a1=0, a2=mon[0], a3=mmio[0], a4=tvm[9], a5=0, a6=0, a7=COVG)
h0 time(ticks=5)
TRACE
touchstone to-c --build "$scratch/both.trace" -o "$scratch/one.c"
expect 0 "a program is written and compiled"
"$scratch/one" >"$scratch/from-c"
holds "it ends with 0" test $? -eq 0
touchstone run "$scratch/both.trace"
holds "it says what touchstone run says" test "$(cat "$scratch/from-c")" = "$(head -n 1 "$scratch/out")"
"$scratch/one" -v >"$scratch/from-c"
says "$scratch/from-c" '^    4 h0 base_probe_extension(eid=COVH, sdid=3) -> NOT_SUPPORTED 0$' "-v shows each step"
touchstone to-c "$scratch/both.trace" -o "$scratch/one.c"
expect 2 "a program that is there is not overwritten"
one_line "$scratch/err" "and that is said"
touchstone to-c --build "$scratch/both.trace" -o "$scratch/one"
expect 2 "--build wants a name in .c"
touchstone to-c "$scratch/none.trace"
expect 2 "a trace that is not there"
CC=no-such-compiler touchstone to-c --build "$scratch/both.trace" -o "$scratch/two.c"
expect 3 "a compiler that is not there"

# An expectation that does not hold.
sed 's/INVALID_PARAM/SUCCESS/' "$scratch/both.trace" >"$scratch/wrong.trace"
touchstone to-c --build "$scratch/wrong.trace" -o "$scratch/wrong.c"
touchstone run "$scratch/wrong.trace"
head -n 5 "$scratch/out" | sed 's/:2: step/: step/' >"$scratch/wanted"
"$scratch/wrong" >"$scratch/from-c"
holds "a mismatch ends with 7" test $? -eq 7
holds "and says what touchstone run says" cmp "$scratch/wanted" "$scratch/from-c"

# Traces with a schedule as well.
cat >"$scratch/overlap.trace" <<'TRACE'
touchstone 1 harts=2
h0 hsm_hart_start(hartid=1, start_addr=ram[0], opaque=0) -> SUCCESS
h0 covh_convert_pages(base=win[0], num_pages=4) -> SUCCESS 4
h1 covh_convert_pages(base=win[8], num_pages=4) -> SUCCESS 4
schedule seed=6
decisions 80ff0031
TRACE

# Many at once.
n=0
: >"$scratch/all.c"
find corpora -name '*.trace' | sort | awk -v step="$step" 'NR % step == 1 || step == 1' >"$scratch/list"
printf '%s\n' "$scratch/overlap.trace" >>"$scratch/list"
while IFS= read -r trace; do
    touchstone to-c "$trace" -o "$scratch/$n.c"
    [ "$code" -eq 0 ] || fail "$trace has no program"
    printf '#define main repro_%s\n#include "%s.c"\n#undef main\n' "$n" "$n" >>"$scratch/all.c"
    n=$((n + 1))
done <"$scratch/list"
{
    printf 'int main(int argc, char **argv)\n{\n    int code = 0;\n'
    i=0
    while [ "$i" -lt "$n" ]; do
        printf '    code |= repro_%s(argc, argv);\n' "$i"
        i=$((i + 1))
    done
    printf '    return code;\n}\n'
} >>"$scratch/all.c"
# shellcheck disable=SC2046 # paths of the corpora have no blanks
touchstone run $(cat "$scratch/list")
expect 0 "the traces themselves are clean"
grep '^ok ' "$scratch/out" >"$scratch/wanted"
for compiler in $compilers; do
    [ "$compiler" = default ] && compiler=$(sed -n 's/^ \*   \([^ ]*\) -std=c17.*/\1/p' "$scratch/0.c")
    command -v "$compiler" >/dev/null || continue
    holds "$compiler takes all of them without a warning" "$compiler" -std=c17 -Wall -Werror -I . -I "$scratch" \
        "$scratch/all.c" "@$BUILD_DIR/touchstone.link" -o "$scratch/all"
    "$scratch/all" >"$scratch/from-c"
    holds "compiled by $compiler they end with 0" test $? -eq 0
    holds "compiled by $compiler they say what touchstone run says" cmp "$scratch/wanted" "$scratch/from-c"
done
printf '%s traces as C\n' "$n"
finish
