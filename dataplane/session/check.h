/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a session from limen-control must look like. Pure; any thread. */
#pragma once

#include "dataplane/api/dp_api.h"

/*
 * 0; -EINVAL: a field is out of its range or does not fit another one; -EADDRINUSE: both legs
 * have the same local address and port; -EXDEV: the legs' ports belong to different workers;
 * -ENOTSUP: a codec whose bit is not set in codecs would have to decode or encode.
 * ret_why is then a sentence part for the log.
 */
int session_check(const struct dp_session *s, unsigned int n_workers, uint32_t codecs,
	const char **ret_why) __attribute__((warn_unused_result));
