# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# For tests of what is the same whichever host build there is. Source it.

# other_build: is this one of the builds beside host-release?
other_build() {
    case ${BUILD_DIR##*/} in
        host-asan | host-ubsan | host-msan | host-gcc | host-clang19 | coverage) ;;
        *) false ;;
    esac
}

# once <why>: skips the test in all builds but one, because what it looks at is the same for all of them.
once() {
    if other_build; then
        echo "$1: tested once, with host-release"
        exit 77
    fi
}
