#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Ctrl-C loses nothing: what a hunt kept until then is on disk, complete, and readable; nothing half-written stays.

. "${0%/*}/lib/cli.sh"

# In a session of its own: a shell starts background commands with SIGINT ignored, python3 does not inherit that.
python3 - "$TOUCHSTONE_BIN" "$scratch" >"$scratch/out" 2>"$scratch/err" <<'PYTHON'
import glob, os, signal, subprocess, sys, time

program, scratch = sys.argv[1:]
corpus = os.path.join(scratch, "corpus")
hunt = subprocess.Popen([program, "hunt", "--seconds", "120", "--corpus", corpus, "--findings", scratch + "/findings"],
                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), start_new_session=True)
start = time.monotonic()
while len(glob.glob(corpus + "/*.tst")) < 5 and time.monotonic() - start < 100:
    time.sleep(0.05)
hunt.send_signal(signal.SIGINT)
code = hunt.wait(timeout=60)
print("exit", code)
sys.exit(0 if code == 130 else 1)
PYTHON
code=$?
expect 0 "an interrupted hunt ends by itself with 130"
holds "what it kept is on disk" test "$(find "$scratch/corpus" -name '*.tst' | wc -l)" -ge 5
holds "nothing half-written stays" test "$(find "$scratch/corpus" -name '*part*' | wc -l)" -eq 0
touchstone check "$scratch"/corpus/*.tst
expect 0 "what it kept is well-formed"
touchstone run "$scratch/corpus"
expect 0 "what it kept replays"
touchstone hunt --execs 1 --corpus "$scratch/corpus" --findings "$scratch/findings"
expect 0 "the next hunt starts from it"

finish
