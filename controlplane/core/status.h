/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of limen-control behind the getters of cli/grammar/source.h. One thread. */
#pragma once

#include "cli/grammar/source.h"
#include "controlplane/core/control.h"

void status_source(struct control *control, struct cli_source *ret_source);
