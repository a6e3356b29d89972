/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A box that stands still: fixed time, two calls, one of each thing that can be shown. */
#pragma once

#include "cli/grammar/source.h"

extern const struct cli_source fake_source;
/* The call that `clear call` asked for last. */
extern uint64_t fake_cleared;
extern uint32_t fake_cleared_cause;
/* limen-dataplane is away. */
extern bool fake_no_dataplane;
