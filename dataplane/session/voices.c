/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See voices.h. */
#include "dataplane/session/voices.h"

#include <string.h>

#include "dataplane/session/direction.h"

void voices_free(struct voices *v)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		voice_free(v->from[leg]);
}

bool voices_needed(const struct dp_session *conf)
{
	return direction_is_voice(conf, 0) || direction_is_voice(conf, 1);
}

bool voices_differ(const struct dp_session *old, const struct dp_session *now)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct voice_conf a, b;
		bool voice = direction_is_voice(now, leg);

		if (!old || direction_is_voice(old, leg) != voice)
			return true;
		voice_conf_of(old, leg, &a);
		voice_conf_of(now, leg, &b);
		if (voice && memcmp(&a, &b, sizeof(a)) != 0)
			return true;
	}
	return false;
}

int voices_new(const struct dp_session *conf, uint32_t *number, struct voices *ret_voices)
{
	struct voices v = {0};
	int err = 0;

	for (unsigned int leg = 0; leg < DP_LEGS && !err; leg++) {
		struct voice_conf c;

		if (!direction_is_voice(conf, leg))
			continue;
		voice_conf_of(conf, leg, &c);
		err = voice_new(&c, ++*number, &v.from[leg]);
	}
	if (err) {
		voices_free(&v);
		return err;
	}
	voice_pair(v.from[0], v.from[1]);
	*ret_voices = v;
	return 0;
}
