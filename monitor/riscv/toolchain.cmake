# SPDX-License-Identifier: Apache-2.0
#
# Cross tools for everything that runs on the RISC-V machine: the firmware and the payloads that QEMU boots.
# Used by the preset "firmware"; by hand: cmake -S . -B DIR --toolchain monitor/riscv/toolchain.cmake

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)

set(TOUCHSTONE_RISCV_PREFIX riscv64-unknown-elf- CACHE STRING "Prefix of the bare-metal RISC-V tools")
set(CMAKE_C_COMPILER ${TOUCHSTONE_RISCV_PREFIX}gcc)
set(CMAKE_ASM_COMPILER ${TOUCHSTONE_RISCV_PREFIX}gcc)
set(CMAKE_OBJCOPY ${TOUCHSTONE_RISCV_PREFIX}objcopy CACHE FILEPATH "objcopy of the RISC-V tools")

# There is no C library to link a probe program with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
