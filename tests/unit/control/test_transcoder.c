/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limen-sip is told of the data plane's media cores: a made-up segment, second by second. */
#include "controlplane/media/transcoder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CODECS (1u << DP_CODEC_PCMU | 1u << DP_CODEC_OPUS)

struct second {
	bool connected;
	uint32_t n_mcores;
	uint32_t busy[2]; /* per mille */
	uint32_t state;
	bool told;
};

static const struct second seconds[] = {
	{false, 0, {0, 0}, CTL_TRANSCODER_AWAY, false},
	{true, 1, {0, 0}, CTL_TRANSCODER_READY, true},
	{true, 1, {900, 0}, CTL_TRANSCODER_READY, false},
	{true, 1, {901, 0}, CTL_TRANSCODER_BUSY, true},
	{true, 1, {850, 0}, CTL_TRANSCODER_BUSY,
		false}, /* some room is not enough to begin again */
	{true, 1, {800, 0}, CTL_TRANSCODER_READY, true},
	{true, 2, {1000, 880}, CTL_TRANSCODER_READY, false}, /* the best core counts */
	{true, 2, {1000, 950}, CTL_TRANSCODER_BUSY, true},
	{true, 2, {1100, 2000}, CTL_TRANSCODER_BUSY, false}, /* figures of two moments */
	{false, 2, {0, 0}, CTL_TRANSCODER_AWAY, true},
	{true, 0, {0, 0}, CTL_TRANSCODER_NO_CORES, true},
	{true, 1, {0, 0}, CTL_TRANSCODER_READY, true},
};

static void test_seconds(void **state)
{
	static struct {
		struct dp_stats_header header;
		struct dp_core_load loads[3]; /* of a worker and two media cores */
	} segment;
	struct ctl_transcoder now = {.state = CTL_TRANSCODER_AWAY};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		const struct second *s = &seconds[i];
		struct segment_map map = {.header = &segment.header,
			.n_mcores = s->n_mcores,
			.off_mcore_loads = (uint32_t)((const char *)&segment.loads[1] -
						      (const char *)&segment),
			.codecs = CODECS};

		segment.loads[0].busy_permille = 1000; /* a worker is no media core */
		segment.loads[1].busy_permille = s->busy[0];
		segment.loads[2].busy_permille = s->busy[1];
		if (transcoder_look(&now, &map, s->connected) != s->told || now.state != s->state)
			fail_msg("second %zu: state %u", i, now.state);
		if (now.state == CTL_TRANSCODER_READY)
			assert_int_equal(now.codecs, CODECS);
	}
	/* Connected, but there is no segment. */
	assert_true(transcoder_look(&now, &(struct segment_map){.header = NULL}, true));
	assert_int_equal(now.state, CTL_TRANSCODER_AWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seconds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
