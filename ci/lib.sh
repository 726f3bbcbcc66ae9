# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # half of what is defined here is used by the scripts that source it
#
# What the entry scripts in ci/ share. Source it, do not run it. It moves to the top of the repository, so every
# script may use relative paths no matter where it was started from.
#
# Exit codes of all entry scripts:
#   0 nothing found     1 a check failed     2 usage     3 a tool is missing     4 the environment is in the way
#   5 a finding: the monitor broke a promise, and there is a reproducer in findings/
#   77 skipped: something outside of this machine is needed and cannot be had

set -u
export LC_ALL=C TZ=UTC
umask 022

EXIT_FAILED=1 EXIT_USAGE=2 EXIT_TOOL=3 EXIT_ENVIRONMENT=4 EXIT_FINDING=5 EXIT_SKIPPED=77
readonly EXIT_FAILED EXIT_USAGE EXIT_TOOL EXIT_ENVIRONMENT EXIT_FINDING EXIT_SKIPPED

PROGRAM=ci/${0##*/}
ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd) || exit 4
cd "$ROOT" || exit 4

BUILD=$ROOT/build
LOGS=$BUILD/ci-logs
RESULTS=$BUILD/results
JOBS=$(nproc 2>/dev/null || echo 2)
export ROOT BUILD LOGS RESULTS JOBS

# Colour for people, plain text for files and pipes.
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') red=$(printf '\033[31m') green=$(printf '\033[32m') dim=$(printf '\033[2m') off=$(printf '\033[0m')
else
    bold='' red='' green='' dim='' off=''
fi

# note <text>: progress. warn <text>: goes on. die <code> <text>: does not.
note() { printf '%s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "$PROGRAM" "$*" >&2; }
die() {
    local code=$1
    shift
    printf '%s: %s\n' "$PROGRAM" "$*" >&2
    exit "$code"
}

# option_value <option> <count of remaining arguments>: refuses an option without its value.
option_value() { [ "$2" -ge 2 ] || die "$EXIT_USAGE" "$1 needs a value; see $PROGRAM --help"; }

# positive_integer <text>
positive_integer() { case $1 in '' | *[!0-9]* | 0*) return 1 ;; *) [ "${#1}" -le 7 ] ;; esac }

# need <tool> <Debian package>: stops with the package's name when the tool is not there.
need() { command -v "$1" >/dev/null 2>&1 || die "$EXIT_TOOL" "$1 not found: install the Debian package $2 (or run ci/install-deps)"; }

# elapsed <start>: seconds since a value of $SECONDS.
elapsed() { echo $((SECONDS - $1)); }

# ---------------------------------------------------------------- Debian packages, by what they are for

PACKAGES_BUILD="ca-certificates cmake gcc libc6-dev make ninja-build patch pkg-config python3 xz-utils nettle-dev"
PACKAGES_FUZZ="afl++ clang-14 g++ libclang-rt-14-dev llvm-14 llvm-14-dev"
PACKAGES_FIRMWARE="binutils-riscv64-unknown-elf gcc-riscv64-unknown-elf qemu-system-misc"
PACKAGES_REPLAY="libunicorn-dev"
PACKAGES_PROVE="python3-z3"
PACKAGES_FAST="bolt-19 clang-19 libbolt-19-dev libclang-rt-19-dev lld-19 llvm-19"
PACKAGES_CHECK="clang-19 clang-format-14 clang-tidy-14 cloc git libclang-rt-19-dev llvm-14 shellcheck"

# packages_of <group>...: the packages of these groups, sorted and unique.
packages_of() {
    local group all=
    for group in "$@"; do
        case $group in
            build) all+=" $PACKAGES_BUILD" ;;
            fuzz) all+=" $PACKAGES_FUZZ" ;;
            firmware) all+=" $PACKAGES_FIRMWARE" ;;
            replay) all+=" $PACKAGES_REPLAY" ;;
            prove) all+=" $PACKAGES_PROVE" ;;
            fast) all+=" $PACKAGES_FAST" ;;
            check) all+=" $PACKAGES_CHECK" ;;
            *) die "$EXIT_USAGE" "unknown package group '$group': build, fuzz, firmware, replay, prove, fast or check" ;;
        esac
    done
    echo "${all# }" | tr ' ' '\n' | sort -u
}

# packages_missing <package>...: those that dpkg does not have.
packages_missing() {
    local package
    for package in "$@"; do
        # shellcheck disable=SC2016 # ${...} is dpkg-query's own syntax
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
            installed*) ;;
            *) echo "$package" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# install_groups <group>...: makes sure that the packages are there. Does not touch apt when nothing is missing.
install_groups() {
    local wanted missing log=$LOGS/install.log
    wanted=$(packages_of "$@") || exit
    command -v dpkg-query >/dev/null 2>&1 || {
        warn "no dpkg on this system: taking it for granted that the tools are installed"
        return 0
    }
    # shellcheck disable=SC2086 # a list of words
    missing=$(packages_missing $wanted)
    [ -n "$missing" ] || return 0
    missing=$(echo "$missing" | tr '\n' ' ')
    if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        die "$EXIT_ENVIRONMENT" "neither root nor password-less sudo; install by hand: apt-get install ${missing% }"
    fi
    mkdir -p "$LOGS"
    note "installing packages: ${missing% }"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 ||
        warn "apt-get update had errors (see ${log#"$ROOT"/}); trying with the lists at hand"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
        $missing >>"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        die "$EXIT_ENVIRONMENT" "apt-get install failed; log: ${log#"$ROOT"/}"
    }
}

# ---------------------------------------------------------------- building

# build_preset <preset> [target...]: configures when needed, which it is after a change of presets too, and builds. One builder
# per folder at a time.
build_preset() {
    local preset=$1 folder=$BUILD/$1
    shift
    mkdir -p "$folder"
    (
        flock 9
        if [ ! "$folder/build.ninja" -nt "$ROOT/CMakePresets.json" ]; then
            cmake --fresh --preset "$preset" || exit # of a cache, it would keep what the preset no longer says
        fi
        cmake --build --preset "$preset" -j "$JOBS" ${1+--target "$@"}
    ) 9>"$folder/.lock"
}

# Where it finds its own runtime library; /usr/bin has only a link.
BOLT=/usr/lib/llvm-19/bin/llvm-bolt

# tool_of_preset <preset>: stops, naming the package, when the compiler of a preset is missing.
tool_of_preset() {
    need cmake cmake
    need ninja ninja-build
    case $1 in
        host-release | host-gcc) need gcc gcc ;;
        host-clang19 | host-profile) need clang-19 clang-19 ;;
        host-fast) need clang-19 clang-19 && need ld.lld-19 lld-19 && need llvm-ar-19 llvm-19 && need "$BOLT" bolt-19 ;;
        fuzz-afl) need afl-clang-fast afl++ ;;
        firmware) need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf ;;
        coverage) need clang-14 clang-14 && need llvm-cov-14 llvm-14 ;;
        *) need clang-14 clang-14 ;;
    esac
}

# build_quietly <preset> [target...]: the same with the output in a log; stops when it fails.
build_quietly() {
    local log=$LOGS/build-$1.log
    tool_of_preset "$1"
    mkdir -p "$LOGS" || die "$EXIT_ENVIRONMENT" "cannot write to $BUILD"
    build_preset "$@" >"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    die "$EXIT_ENVIRONMENT" "building $1 failed; log: ${log#"$ROOT"/}"
}

# Address space randomisation with many bits makes the shadow memory of clang 14's sanitizers fail to map now and
# then. Where the kernel lets us, sanitized programs run without it: "${SANE_LAYOUT[@]}" goes before the program.
SANE_LAYOUT=()
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)" -gt 28 ] && setarch -R true 2>/dev/null; then
    SANE_LAYOUT=(setarch -R)
fi

# ---------------------------------------------------------------- results

# json_string <text>: quoted and escaped; control characters become blanks.
json_string() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "$(printf '%s' "$text" | tr '[:cntrl:]' ' ')"
}

# write_fragment <file name>: standard input becomes one of the JSON fragments that reports/ puts together.
write_fragment() {
    mkdir -p "$RESULTS"
    cat >"$RESULTS/.$1.new" && mv "$RESULTS/.$1.new" "$RESULTS/$1"
}

# ---------------------------------------------------------------- things that several scripts do

# make_seeds <touchstone> <folder> <dictionary>: the corpora as binary seeds for fuzzers, and a dictionary.
make_seeds() {
    rm -rf "$2"
    mkdir -p "${2%/*}"
    "$1" seeds corpora -o "$2" && "$1" dict >"$3"
}

# replay_corpora <touchstone>: every trace with its expectations, once after a reset and once beside another world.
# Prints a line per trace with its state hash and leaves the fragment for the report.
replay_corpora() {
    local touchstone=$1 code
    "${SANE_LAYOUT[@]}" timeout 300 "$touchstone" run corpora
    code=$?
    "${SANE_LAYOUT[@]}" timeout 300 "$touchstone" run --json corpora 2>/dev/null |
        sed 's/^{"schema":"touchstone-run\/1"/{"schema":"touchstone-fragment\/1","kind":"replay"/' | write_fragment replay.json
    return "$code"
}

# write_report: build/report from all fragments. A fragment that cannot be used is a failure, and is named.
write_report() {
    mkdir -p "$LOGS"
    # What takes hours to measure is shown as it was measured last. Without it there still is a report.
    {
        python3 harness/plants/figures.py "$RESULTS"
        local figures=$?
        python3 reports/report.py && [ "$figures" -eq 0 ]
    } >"$LOGS/report.log" 2>&1 || {
        tail -n 5 "$LOGS/report.log" >&2
        return 1
    }
}

# ---------------------------------------------------------------- steps

# A script plans its steps first, so that progress can say "3 of 20", and then runs all of them: a failure is
# remembered and the rest still runs. Each step has a log file of its own.
step_names=() step_commands=() step_status=() step_seconds=()

# plan <name> <function> [argument...]: arguments are single words.
plan() {
    step_names+=("$1")
    shift
    step_commands+=("$*")
}

# keep_planned <word>: drops the planned steps without this word in their name.
keep_planned() {
    local index
    [ -n "$1" ] || return 0
    for index in "${!step_names[@]}"; do
        case ${step_names[index]} in
            *"$1"*) ;;
            *) unset "step_names[index]" "step_commands[index]" ;;
        esac
    done
    step_names=("${step_names[@]}") step_commands=("${step_commands[@]}")
}

# run_plan: runs what is planned. Sets steps_passed, steps_failed and steps_skipped. A step that ends with 77 was skipped, and
# says why in a line that begins with "skipped: ".
run_plan() {
    local index name log start status code
    steps_passed=0 steps_failed=0 steps_skipped=0
    mkdir -p "$LOGS"
    for index in "${!step_names[@]}"; do
        name=${step_names[index]}
        log=$LOGS/$(printf '%02d' $((index + 1)))-$(printf '%s' "$name" | tr -cs 'A-Za-z0-9.\n' '-').log
        printf '%s[%2d/%d]%s %-52s ' "$dim" $((index + 1)) "${#step_names[@]}" "$off" "$name"
        start=$SECONDS
        # shellcheck disable=SC2086 # a command and its words
        (${step_commands[index]}) >"$log" 2>&1 </dev/null
        code=$?
        if [ "$code" -eq 0 ]; then
            status=passed
            steps_passed=$((steps_passed + 1))
            printf '%sok%s %4d s\n' "$green" "$off" "$(elapsed "$start")"
        elif [ "$code" -eq "$EXIT_SKIPPED" ]; then
            status=skipped
            steps_skipped=$((steps_skipped + 1))
            printf '%sskipped%s: %s\n' "$dim" "$off" "$(sed -n 's/^skipped: //p' "$log" | tail -n 1)"
        else
            status=failed
            steps_failed=$((steps_failed + 1))
            printf '%sFAILED%s %4d s, exit code %d\n' "$red" "$off" "$(elapsed "$start")" "$code"
            tail -n 20 "$log" | sed 's/^/    | /'
            printf '    log: %s\n' "${log#"$ROOT"/}"
        fi
        step_status+=("$status")
        step_seconds+=("$(elapsed "$start")")
    done
}

# steps_fragment: the steps that ran, as a JSON fragment for the report.
steps_fragment() {
    local index comma=
    printf '{"schema":"touchstone-fragment/1","kind":"tests","script":"%s","passed":%d,"failed":%d,"steps":[' \
        "$PROGRAM" "$steps_passed" "$steps_failed"
    for index in "${!step_status[@]}"; do
        printf '%s\n {"name":%s,"status":"%s","seconds":%d}' "$comma" "$(json_string "${step_names[index]}")" \
            "${step_status[index]}" "${step_seconds[index]}"
        comma=,
    done
    printf '\n]}\n'
}
