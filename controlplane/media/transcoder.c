/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See transcoder.h. */
#include "controlplane/media/transcoder.h"

/* Of the media core that has the most, in per mille of the last second. */
static uint32_t most_free(const struct segment_map *map)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < map->n_mcores; i++) {
		const struct dp_core_load *load = (const void *)((const uint8_t *)map->header +
								 map->off_mcore_loads);
		uint32_t busy = __atomic_load_n(&load[i].busy_permille, __ATOMIC_RELAXED);

		if (busy < 1000 && 1000 - busy > most)
			most = 1000 - busy;
	}
	return most;
}

bool transcoder_look(struct ctl_transcoder *now, const struct segment_map *map, bool connected)
{
	struct ctl_transcoder was = *now;

	if (!connected || map->header == NULL) {
		now->state = CTL_TRANSCODER_AWAY;
	} else if (map->n_mcores == 0) {
		now->state = CTL_TRANSCODER_NO_CORES;
		now->codecs = 0;
	} else {
		uint32_t wanted = was.state == CTL_TRANSCODER_BUSY ? TRANSCODER_ROOM_PERMILLE
								   : TRANSCODER_FULL_PERMILLE;

		now->state = most_free(map) >= wanted ? CTL_TRANSCODER_READY : CTL_TRANSCODER_BUSY;
		now->codecs = map->codecs;
	}
	return now->state != was.state || now->codecs != was.codecs;
}
