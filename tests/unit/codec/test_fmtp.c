/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/api/dp_fmtp.c against RFC 4856, RFC 4867 and RFC 7587. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/api/dp_fmtp.h"

static struct dp_codec_params parsed(uint32_t id, const char *text)
{
	struct dp_codec_params p;

	if (dp_fmtp_parse(id, view_of(text), &p) != 0)
		fail_msg("\"%s\" is refused", text);
	return p;
}

static void test_parse(void **state)
{
	static const struct {
		uint32_t id;
		const char *text;
		int rc;
		struct dp_codec_params want;
	} rows[] = {
		{DP_CODEC_PCMU, "", 0, {0}},
		{DP_CODEC_PCMU, "whatever=7; annexb=no", 0, {0}},
		{DP_CODEC_G729, "", 0, {.flags = DP_CODEC_DTX}},
		{DP_CODEC_G729, "annexb=no", 0, {0}},
		{DP_CODEC_G729, " AnnexB = NO ", 0, {0}},
		{DP_CODEC_G729, "annexb=yes", 0, {.flags = DP_CODEC_DTX}},
		{DP_CODEC_G729, "annexb=maybe", -EINVAL, {0}},
		{DP_CODEC_G729, "annexb", -EINVAL, {0}},
		{DP_CODEC_OPUS, "", 0, {0}},
		{DP_CODEC_OPUS, "useinbandfec=1;usedtx=1; cbr=1 ;stereo=1;sprop-stereo=1", 0,
			{.flags = DP_CODEC_FEC | DP_CODEC_DTX | DP_CODEC_CBR | DP_CODEC_STEREO |
				  DP_CODEC_SPROP_STEREO}},
		{DP_CODEC_OPUS, "useinbandfec=1; useinbandfec=0", 0, {0}},
		{DP_CODEC_OPUS, "maxplaybackrate=16000;maxaveragebitrate=20000;maxptime=60", 0,
			{.max_rate_khz = 16, .bitrate_bps = 20000, .max_ptime_ms = 60}},
		{DP_CODEC_OPUS, "maxplaybackrate=44100", 0, {.max_rate_khz = 24}},
		{DP_CODEC_OPUS, "maxplaybackrate=11025", 0, {.max_rate_khz = 8}},
		{DP_CODEC_OPUS, "maxplaybackrate=96000", 0, {.max_rate_khz = 48}},
		{DP_CODEC_OPUS, "maxplaybackrate=7999", -EINVAL, {0}},
		{DP_CODEC_OPUS, "maxaveragebitrate=600", 0, {.bitrate_bps = 6000}},
		{DP_CODEC_OPUS, "maxaveragebitrate=4000000000", 0, {.bitrate_bps = 510000}},
		{DP_CODEC_OPUS, "maxaveragebitrate=40000000000000", -EINVAL, {0}},
		{DP_CODEC_OPUS, "maxaveragebitrate=-1", -EINVAL, {0}},
		{DP_CODEC_OPUS, "usedtx=2", -EINVAL, {0}},
		{DP_CODEC_OPUS, "minptime=10;x-google-min-bitrate=9;;;=;=3", 0, {0}},
		{DP_CODEC_OPUS, "octet-align=7", 0, {0}},
		{DP_CODEC_AMR, "", 0, {.flags = DP_CODEC_DTX}},
		{DP_CODEC_AMR, "octet-align=1; mode-set=0,2,5,7", 0,
			{.flags = DP_CODEC_DTX | DP_CODEC_OCTET_ALIGN, .modes = 0xa5}},
		{DP_CODEC_AMR, "mode-set= 7 , 0", 0, {.flags = DP_CODEC_DTX, .modes = 0x81}},
		{DP_CODEC_AMR, "mode-set=8", -EINVAL, {0}},
		{DP_CODEC_AMR_WB, "mode-set=8", 0, {.flags = DP_CODEC_DTX, .modes = 0x100}},
		{DP_CODEC_AMR_WB, "mode-set=9", -EINVAL, {0}},
		{DP_CODEC_AMR, "mode-set=", -EINVAL, {0}},
		{DP_CODEC_AMR, "mode-set=0,", -EINVAL, {0}},
		{DP_CODEC_AMR, "mode-set=,0", -EINVAL, {0}},
		{DP_CODEC_AMR, "mode-set=0 2", -EINVAL, {0}},
		{DP_CODEC_AMR,
			"mode-change-period=2;mode-change-neighbor=1;mode-change-capability=2", 0,
			{.flags = DP_CODEC_DTX | DP_CODEC_NEIGHBOR | DP_CODEC_CHANGE_CAP2,
				.mode_period = 2}},
		{DP_CODEC_AMR, "mode-change-period=3", -EINVAL, {0}},
		{DP_CODEC_AMR, "crc=0;robust-sorting=0;channels=1", 0, {.flags = DP_CODEC_DTX}},
		{DP_CODEC_AMR, "octet-align=1;crc=1", -ENOTSUP, {0}},
		{DP_CODEC_AMR, "robust-sorting=1", -ENOTSUP, {0}},
		{DP_CODEC_AMR, "interleaving=30", -ENOTSUP, {0}},
		{DP_CODEC_AMR, "interleaving", -ENOTSUP, {0}},
		{DP_CODEC_AMR, "channels=2", -ENOTSUP, {0}},
		{DP_CODEC_AMR, "crc=1;mode-set=99", -EINVAL, {0}},
		{DP_CODEC_PCMA, "ptime=30;maxptime=150", 0, {.ptime_ms = 30, .max_ptime_ms = 150}},
		{DP_CODEC_PCMA, "maxptime=100000", 0, {.max_ptime_ms = 240}},
		{DP_CODEC_PCMA, "ptime=0", -EINVAL, {0}},
		{DP_CODEC_NONE, "", -EINVAL, {0}},
		{DP_CODEC_END, "", -EINVAL, {0}},
		{4711, "", -EINVAL, {0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_codec_params p;
		int rc;

		memset(&p, 0x5a, sizeof(p));
		rc = dp_fmtp_parse(rows[i].id, view_of(rows[i].text), &p);
		if (rc != rows[i].rc)
			fail_msg("\"%s\": %d, not %d", rows[i].text, rc, rows[i].rc);
		if (rc != 0)
			assert_int_equal(p.ptime_ms, 0x5a); /* untouched */
		else if (memcmp(&p, &rows[i].want, sizeof(p)) != 0)
			fail_msg("\"%s\" of codec %u is misread", rows[i].text, rows[i].id);
	}
}

static void test_print(void **state)
{
	static const struct {
		uint32_t id;
		struct dp_codec_params params;
		const char *want;
	} rows[] = {
		{DP_CODEC_PCMU, {.flags = 0xff, .modes = 0xff}, ""},
		{DP_CODEC_G729, {0}, "annexb=no"},
		{DP_CODEC_G729, {.flags = DP_CODEC_DTX}, "annexb=yes"},
		{DP_CODEC_OPUS, {.max_rate_khz = 48}, ""},
		{DP_CODEC_OPUS, {.flags = DP_CODEC_FEC, .max_rate_khz = 16, .complexity = 5},
			"maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"},
		{DP_CODEC_OPUS, {.flags = 0xff, .bitrate_bps = 4294967295},
			"maxaveragebitrate=4294967295;useinbandfec=1;usedtx=1;cbr=1"},
		{DP_CODEC_AMR, {0}, ""},
		{DP_CODEC_AMR, {.modes = 0x81, .flags = DP_CODEC_OCTET_ALIGN},
			"octet-align=1;mode-set=0,7"},
		{DP_CODEC_AMR_WB, {.modes = 0xffffffff, .flags = 0xff, .mode_period = 2},
			"octet-align=1;mode-set=0,1,2,3,4,5,6,7,8;mode-change-period=2;"
			"mode-change-capability=2;mode-change-neighbor=1"},
		{4711, {.flags = 0xff}, ""},
	};
	char text[DP_FMTP_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = dp_fmtp_print(rows[i].id, &rows[i].params, text);
		assert_string_equal(text, rows[i].want);
		assert_int_equal(len, strlen(text));
	}
	/* Whatever the struct holds, the text fits and is read again. */
	for (uint32_t id = 1; id < DP_CODEC_END; id++) {
		struct dp_codec_params wild, p;
		memset(&wild, 0xff, sizeof(wild));
		(void)dp_fmtp_print(id, &wild, text);
		assert_int_equal(dp_fmtp_parse(id, view_of(text), &p), 0);
		dp_fmtp_local(id, &p);
		(void)dp_fmtp_print(id, &p, text);
		assert_int_equal(dp_fmtp_parse(id, view_of(text), &p), 0);
	}
}

/* Their offer, our answer, with what the leg runs then. */
static void test_answer(void **state)
{
	static const struct {
		uint32_t id;
		const char *offer;
		uint32_t local_modes;
		int rc;
		const char *answer;
		uint8_t flags;
		uint32_t modes;
		uint8_t ptime_ms, rate_khz;
		uint32_t bitrate_bps;
	} rows[] = {
		{DP_CODEC_PCMU, "", 0, 0, "", 0, 0, 20, 0, 0},
		{DP_CODEC_PCMU, "ptime=30", 0, 0, "", 0, 0, 30, 0, 0},
		{DP_CODEC_PCMU, "ptime=35", 0, 0, "", 0, 0, 30, 0, 0},
		{DP_CODEC_PCMU, "ptime=20;maxptime=10", 0, 0, "", 0, 0, 10, 0, 0},
		{DP_CODEC_OPUS, "maxptime=30", 0, 0,
			"maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1", 0, 0, 20,
			16, 0},
		{DP_CODEC_G729, "annexb=no", 0, 0, "annexb=no", 0, 0, 20, 0, 0},
		{DP_CODEC_G729, "", 0, 0, "annexb=yes", DP_CODEC_DTX, 0, 20, 0, 0},
		{DP_CODEC_OPUS,
			"usedtx=1;useinbandfec=1;maxplaybackrate=8000;maxaveragebitrate=9000", 0, 0,
			"maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1",
			DP_CODEC_DTX | DP_CODEC_FEC, 0, 20, 8, 9000},
		{DP_CODEC_AMR, "octet-align=1", 0, 0, "octet-align=1;mode-change-capability=2",
			DP_CODEC_OCTET_ALIGN, 0, 20, 0, 0},
		{DP_CODEC_AMR, "mode-set=0,2;mode-change-neighbor=1", 0, 0,
			"mode-set=0,2;mode-change-capability=2", DP_CODEC_NEIGHBOR, 5, 20, 0, 0},
		{DP_CODEC_AMR, "", 0x81, 0, "mode-set=0,7;mode-change-capability=2", 0, 0x81, 20, 0,
			0},
		{DP_CODEC_AMR, "mode-set=7", 0x81, 0, "mode-set=7;mode-change-capability=2", 0,
			0x80, 20, 0, 0},
		{DP_CODEC_AMR, "mode-set=1,7", 0x81, -ENOTSUP, "", 0, 0, 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_codec_params offered = parsed(rows[i].id, rows[i].offer), local, ours, p;
		char text[DP_FMTP_MAX];
		int rc;

		dp_fmtp_local(rows[i].id, &local);
		local.modes = rows[i].local_modes;
		rc = dp_fmtp_answer(rows[i].id, &offered, &local, &ours);
		if (rc != rows[i].rc)
			fail_msg("\"%s\": %d, not %d", rows[i].offer, rc, rows[i].rc);
		if (rc != 0)
			continue;
		(void)dp_fmtp_print(rows[i].id, &ours, text);
		assert_string_equal(text, rows[i].answer);
		assert_int_equal(dp_fmtp_agree(rows[i].id, &ours, &offered, &p), 0);
		if (p.flags != rows[i].flags || p.modes != rows[i].modes ||
			p.ptime_ms != rows[i].ptime_ms || p.max_rate_khz != rows[i].rate_khz ||
			p.bitrate_bps != rows[i].bitrate_bps)
			fail_msg("\"%s\": flags %x, modes %x, ptime %u, rate %u, %u bps",
				rows[i].offer, p.flags, p.modes, p.ptime_ms, p.max_rate_khz,
				p.bitrate_bps);
	}
}

/* Our offer, their answer: what does not fit is told from what does. */
static void test_agree(void **state)
{
	static const struct {
		uint32_t id;
		const char *ours, *theirs;
		int rc;
		uint32_t modes;
	} rows[] = {
		{DP_CODEC_AMR, "octet-align=1", "octet-align=1", 0, 0},
		{DP_CODEC_AMR, "octet-align=1", "", -EPROTO, 0},
		{DP_CODEC_AMR, "", "octet-align=1", -EPROTO, 0},
		{DP_CODEC_AMR, "mode-set=0,2", "mode-set=0,2", 0, 5},
		{DP_CODEC_AMR, "mode-set=0,2", "mode-set=7", -EPROTO, 0},
		{DP_CODEC_AMR, "", "mode-set=7", 0, 0x80},
		{DP_CODEC_AMR_WB, "", "mode-set=0,1,2,3,4,5,6,7,8", 0, 0},
		{DP_CODEC_G729, "annexb=yes", "annexb=no", 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_codec_params ours = parsed(rows[i].id, rows[i].ours);
		struct dp_codec_params theirs = parsed(rows[i].id, rows[i].theirs), p;
		int rc = dp_fmtp_agree(rows[i].id, &ours, &theirs, &p);
		if (rc != rows[i].rc || (rc == 0 && p.modes != rows[i].modes))
			fail_msg("\"%s\" and \"%s\": %d", rows[i].ours, rows[i].theirs, rc);
		if (rc == 0 && rows[i].id == DP_CODEC_G729)
			assert_int_equal(p.flags, 0);
	}
}

static void test_relayable(void **state)
{
	static const struct {
		uint32_t id;
		const char *a, *b;
		bool want;
	} rows[] = {
		{DP_CODEC_PCMU, "", "", true},
		{DP_CODEC_OPUS, "stereo=1", "maxplaybackrate=8000", true},
		{DP_CODEC_G729, "", "annexb=yes", true},
		{DP_CODEC_G729, "annexb=no", "annexb=yes", false},
		{DP_CODEC_AMR, "", "octet-align=1", false},
		{DP_CODEC_AMR, "octet-align=1", "octet-align=1;mode-change-period=2", true},
		{DP_CODEC_AMR, "", "mode-set=0,1,2,3,4,5,6,7", true},
		{DP_CODEC_AMR, "", "mode-set=0", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_codec_params a = parsed(rows[i].id, rows[i].a);
		struct dp_codec_params b = parsed(rows[i].id, rows[i].b);
		if (dp_fmtp_relayable(rows[i].id, &a, &b) != rows[i].want ||
			dp_fmtp_relayable(rows[i].id, &b, &a) != rows[i].want)
			fail_msg("\"%s\" and \"%s\"", rows[i].a, rows[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_agree),
		cmocka_unit_test(test_relayable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
