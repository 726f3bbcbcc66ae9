/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiler that is wrong once: one instruction of an image is turned into another one that a bad compiler, or a type of
 * the wrong width, could have put there. For tests of the comparison.
 */
#ifndef TOUCHSTONE_FIRMWARE_MISCOMPILE_H
#define TOUCHSTONE_FIRMWARE_MISCOMPILE_H

#include "emulation/unicorn/firmware_image.h"

/*
 * `what` is KIND@FUNCTION or KIND@FUNCTION#N, the N-th instruction of that kind in the function, from 0:
 *
 *   shift     a shift by a constant shifts by one bit more or less
 *   sign      an unsigned comparison, or a shift to the right, takes its operand as signed
 *   truncate  a load, addition or shift of 64 bits handles 32
 *   skip      a branch on a condition is never taken
 *
 * False with a one-line reason when there is none. The image is not loaded anywhere yet.
 */
bool miscompile(struct firmware_image *fw, const char *what, char *why, size_t max);

#endif
