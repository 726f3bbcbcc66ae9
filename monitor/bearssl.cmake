# SPDX-License-Identifier: Apache-2.0
#
# SHA-384 and SHA-512 from BearSSL, for the host and for the firmware. The source is not part of this repository:
# ci/fetch-bearssl downloads Debian's tarball of it, checks the pinned digest and unpacks it into the cache folder.

if(DEFINED ENV{TOUCHSTONE_CACHE})
    set(bearssl_default "$ENV{TOUCHSTONE_CACHE}/bearssl-0.6+dfsg.1")
else()
    set(bearssl_default "$ENV{HOME}/.cache/touchstone/bearssl-0.6+dfsg.1")
endif()
set(TOUCHSTONE_BEARSSL_DIR "${bearssl_default}" CACHE PATH "Unpacked BearSSL source")

if(NOT EXISTS "${TOUCHSTONE_BEARSSL_DIR}/src/hash/sha2big.c")
    message(FATAL_ERROR "BearSSL is not in ${TOUCHSTONE_BEARSSL_DIR}: run ci/fetch-bearssl first")
endif()

add_library(bearssl_sha STATIC
    "${TOUCHSTONE_BEARSSL_DIR}/src/hash/sha2big.c"
    "${TOUCHSTONE_BEARSSL_DIR}/src/codec/dec64be.c"
    "${TOUCHSTONE_BEARSSL_DIR}/src/codec/enc64be.c")
target_include_directories(bearssl_sha SYSTEM PUBLIC "${TOUCHSTONE_BEARSSL_DIR}/inc")
target_include_directories(bearssl_sha PRIVATE "${TOUCHSTONE_BEARSSL_DIR}/src")
# Not ours to judge: no warnings. Instrumentation stays on, because MemorySanitizer has to see every store.
target_compile_options(bearssl_sha PRIVATE -w)
