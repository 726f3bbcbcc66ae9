#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What doc/walk-through.md shows is what happens: its commands run in a copy of the tree, in order, and say what the page says
# (walk_through.py has what may differ).
#
# `ci/fuzz` takes minutes and is left out: a hunt on the planted monitor finds the same. And in place of building, ci/touchstone is
# the planted command as long as the bug is in the copy, and the one under test afterwards. With WALK_THROUGH=whole nothing is left
# out and nothing replaced.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"

mode=${WALK_THROUGH:-short}
tree=$scratch/tree
broken=monitor/host_flow/covh_create.c
mkdir "$tree"
: >"$scratch/out" && : >"$scratch/err"
for name in CMakeLists.txt CMakePresets.json ci corpora emulation harness monitor reports; do
    cp -r "$SOURCE_DIR/$name" "$tree"
done
TOUCHSTONE_SOURCE=$tree
if [ "$mode" = short ]; then
    planted --only O24
    run_planted hunt --seconds 30 --seeds "$SOURCE_DIR/corpora" --findings "$tree/findings"
    expect 5 "the hunt finds it"
    cat >"$tree/ci/touchstone" <<END
#!/bin/sh
cmp -s '$SOURCE_DIR/$broken' $broken && exec '$TOUCHSTONE_BIN' "\$@"
exec '$planted' "\$@"
END
    chmod +x "$tree/ci/touchstone"
fi
holds "the page is true" python3 "$SOURCE_DIR/harness/tests/walk_through.py" "$SOURCE_DIR/harness/doc/walk-through.md" "$tree" "$mode"
cat "$scratch/held"
holds "the fix is the real monitor" cmp "$SOURCE_DIR/$broken" "$tree/$broken"
finish
