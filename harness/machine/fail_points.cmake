# SPDX-License-Identifier: Apache-2.0
#
# touchstone_fail_points(<source>...): sources of the monitor, compiled so that calls of the functions in fail_points.def go
# by way of harness/machine/fail_points.c, which may refuse. The monitor is not changed for it: the calls have another name
# on the compiler's command line, everywhere but in the file that defines the function. Nothing is left to the linker, so that
# the same calls are meant in every build, also in one that is optimised across all files.

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/fail_points.def")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/fail_points.def" touchstone_fail_point_lines REGEX "^FAIL_POINT")

function(touchstone_fail_points)
    foreach(line IN LISTS touchstone_fail_point_lines)
        string(REGEX MATCH "^FAIL_POINT.[A-Z]+, ([a-z_/]+[.]c), ([a-z_]+)," matched "${line}")
        set(others ${ARGN})
        list(REMOVE_ITEM others "${PROJECT_SOURCE_DIR}/monitor/${CMAKE_MATCH_1}")
        set_property(SOURCE ${others} APPEND PROPERTY COMPILE_DEFINITIONS "${CMAKE_MATCH_2}=fail_point_${CMAKE_MATCH_2}")
    endforeach()
endfunction()
