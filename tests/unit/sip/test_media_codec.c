/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media map of calls whose sides have voice classes: the text that leaves, what limen-control is
 * told of the legs, re-offers of either side, media cores without head-room, and the checkpoint.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sdp sdp;
static struct media_map map;
static char printed[8192];
static const uint64_t id_key[2] = {1, 2};

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(s), 0, &a), 0);
	return a;
}

static struct cfg_voice_codec classes[] = {
	{.tag = 1, .codec = {{1, CFG_CODEC_OPUS}, {2, CFG_CODEC_G711U}}, .n_codec = 2},
	{.tag = 2,
		.codec = {{1, CFG_CODEC_AMR}},
		.n_codec = 1,
		.packet_ms = 40,
		.amr_form = CFG_AMR_OCTET_ALIGNED},
};
static const struct cfg cfg = {.voice_codecs = classes, .n_voice_codecs = 2};

/* The called side has a class, the caller none. */
static void start(uint32_t class, uint32_t transcoder_state)
{
	struct cfg_realm access = {.name = "access"}, peering = {.name = "peering"};
	struct ctl_transcoder transcoder = {.state = transcoder_state, .codecs = UINT32_MAX};
	struct ipaddr near = addr("10.1.0.1"), far = addr("192.0.2.1");

	access.media_ipv4 = near;
	peering.media_ipv4 = far;
	peering.voice_codec = class;
	media_map_clear(&map);
	media_map_init(&map, 77, id_key);
	media_map_set_transcoder(&map, &transcoder);
	media_map_set_side(&map, 0, &access, &near);
	media_map_set_side(&map, 1, &peering, &far);
	media_map_set_codecs(&map, 0, &cfg, &access, NULL);
	media_map_set_codecs(&map, 1, &cfg, &peering, NULL);
}

static const struct sdp *parse(const char *media)
{
	static char text[4096];
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=alice 1 1 IN IP4 192.168.7.7\r\ns=-\r\nc=IN IP4 192.168.7.7\r\nt=0 "
		"0\r\n%s",
		media);

	if (sdp_parse(&sdp, (struct view){text, (size_t)n}) < 0)
		fail_msg("%s in\n%s", sdp.error, text);
	return &sdp;
}

static void open_all(struct media_map *m)
{
	for (unsigned int i = 0; i < m->n_lines; i++) {
		struct ctl_media_opened reply = {0};

		if (m->line[i]->state != MEDIA_WANTED)
			continue;
		reply.local[0] = addr("10.1.0.1");
		reply.local[1] = addr("192.0.2.1");
		reply.local[0].port_be16 = htons((uint16_t)(20000 + 4 * i));
		reply.local[1].port_be16 = htons((uint16_t)(30000 + 4 * i));
		assert_int_equal(media_map_opened(m, i, &reply), 0);
	}
}

static int print_rc(struct media_map *m, unsigned int to_leg)
{
	struct sip_buf b;
	int rc;

	sip_buf_init(&b, printed, sizeof(printed) - 1);
	rc = media_map_print(m, &sdp, to_leg, &b);
	printed[b.n] = '\0';
	return rc;
}

/* The media section as it leaves. */
static const char *offer_to(struct media_map *m, const char *media, unsigned int leg)
{
	const char *reason;

	assert_int_equal(media_map_offer(m, parse(media), leg, &reason), 0);
	open_all(m);
	assert_int_equal(print_rc(m, !leg), 0);
	return strstr(printed, "m=");
}

static const char *answer_to(struct media_map *m, const char *media, unsigned int leg)
{
	const char *reason = "";
	uint32_t set, close;

	if (media_map_answer(m, parse(media), leg, &set, &close, &reason) != 0)
		fail_msg("%s", reason);
	assert_int_equal(print_rc(m, !leg), 0);
	media_map_done(m);
	return strstr(printed, "m=");
}

#define PHONE                                       \
	"m=audio 4000 RTP/AVP 8 101\r\nb=AS:80\r\n" \
	"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
#define OPUS                                                            \
	"m=audio 5000 RTP/AVP 107 101\r\na=rtpmap:107 opus/48000/2\r\n" \
	"a=fmtp:107 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n"

static void call_up(void)
{
	assert_string_equal(offer_to(&map, PHONE, 0),
		"m=audio 30000 RTP/AVP 96 0 101 97\r\n"
		"a=rtpmap:96 opus/48000/2\r\n"
		"a=fmtp:96 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1\r\n"
		"a=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\n"
		"a=rtpmap:97 telephone-event/48000\r\n"
		"a=fmtp:97 0-15\r\n"
		"a=ptime:20\r\n"
		"a=sendrecv\r\n");
	assert_string_equal(answer_to(&map, OPUS, 1),
		"m=audio 20000 RTP/AVP 8 101\r\n"
		"a=rtpmap:8 PCMA/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\n"
		"a=fmtp:101 0-15\r\n"
		"a=ptime:20\r\n"
		"a=sendrecv\r\n");
}

static void test_call(void **state)
{
	const struct dp_leg *a, *b;

	start(1, CTL_TRANSCODER_READY);
	call_up();
	a = &map.line[0]->ctl.leg[0];
	b = &map.line[0]->ctl.leg[1];
	assert_int_equal(a->flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_OWN | DP_LEG_DTMF);
	assert_int_equal(b->flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_OWN | DP_LEG_DTMF);
	assert_int_equal(a->payloads[0].action, DP_PT_TRANSCODE);
	assert_int_equal(a->payloads[0].codec, DP_CODEC_PCMA);
	assert_int_equal(a->payloads[1].action, DP_PT_EVENT);
	/* It sends with the number that we told it, and gets the one that it told us. */
	assert_int_equal(b->payloads[0].pt, 96);
	assert_int_equal(b->send.pt, 107);
	assert_int_equal(b->send.codec, DP_CODEC_OPUS);
	assert_int_equal(b->send.event_pt, 101);
	assert_int_equal(a->send.codec, DP_CODEC_PCMA);
	assert_string_equal(map.codec[0], "PCMA");
	assert_string_equal(map.codec[1], "opus");
	assert_true(media_map_transcoded(&map));
	media_map_clear(&map);
}

/* Before the answer what was offered is decoded towards the caller. */
static void test_early(void **state)
{
	const struct dp_leg *from, *to;
	const char *reason;

	start(1, CTL_TRANSCODER_READY);
	assert_int_equal(media_map_offer(&map, parse(PHONE), 0, &reason), 0);
	to = &map.line[0]->ctl.leg[0];
	from = &map.line[0]->ctl.leg[1];
	assert_int_equal(from->flags, DP_LEG_RECV | DP_LEG_EARLY | DP_LEG_RTCP_OWN);
	assert_int_equal(to->flags, DP_LEG_SEND | DP_LEG_RTCP_OWN);
	assert_int_equal(from->n_payloads, 4);
	assert_int_equal(to->send.codec, DP_CODEC_PCMA);
	media_map_clear(&map);
}

/* Either side holds; the far end, whose offer names only its codec, is not lost to the caller. */
static void reoffers(struct media_map *m)
{
	static const char held[] =
		"m=audio 5000 RTP/AVP 107\r\na=rtpmap:107 opus/48000/2\r\na=sendonly\r\n";
	const char *text = offer_to(m, held, 1);

	assert_non_null(strstr(text, " RTP/AVP 107 8\r\n"));
	assert_non_null(strstr(text, "a=sendonly\r\n"));
	text = answer_to(m, "m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n", 0);
	assert_non_null(strstr(text, " RTP/AVP 107\r\n"));
	assert_non_null(strstr(text, "a=recvonly\r\n"));
	assert_true(media_map_transcoded(m));
	assert_int_equal(m->line[0]->ctl.leg[1].flags, DP_LEG_RECV | DP_LEG_RTCP_OWN | DP_LEG_DTMF);
	/* The numbers of before: 96 is what we had told, but 107 is what that end knows now. */
	text = offer_to(m, PHONE, 0);
	assert_non_null(strstr(text, "RTP/AVP 96 0 101 97\r\n"));
	text = answer_to(m, "m=audio 5000 RTP/AVP 0\r\n", 1);
	assert_non_null(strstr(text, "RTP/AVP 8\r\n"));
	/* PCMA to PCMU is the table's: RTCP passes again. */
	assert_int_equal(m->line[0]->ctl.leg[0].flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_DTMF);
	assert_int_equal(m->line[0]->ctl.leg[0].send.params.ptime_ms, 0);
	text = offer_to(m, "m=audio 4000 RTP/AVP 0\r\n", 0);
	assert_non_null(strstr(text, "RTP/AVP 0 "));
	text = answer_to(m, "m=audio 5000 RTP/AVP 0\r\n", 1);
	assert_non_null(strstr(text, "RTP/AVP 0\r\n"));
	assert_false(media_map_transcoded(m));
	assert_int_equal(m->line[0]->ctl.leg[0].payloads[0].action, DP_PT_RELAY);
}

static void test_reoffers(void **state)
{
	start(1, CTL_TRANSCODER_READY);
	call_up();
	reoffers(&map);
	media_map_clear(&map);
}

static void test_checkpoint(void **state)
{
	uint8_t good[8192], bad[8192];
	struct ckpt_out out = {good, 0, sizeof(good), false};
	struct ctl_transcoder transcoder = {.state = CTL_TRANSCODER_READY, .codecs = UINT32_MAX};
	struct media_map back;
	struct ckpt_in in;

	start(1, CTL_TRANSCODER_READY);
	call_up();
	media_map_checkpoint(&map, &out);
	assert_false(out.failed);
	in = (struct ckpt_in){good, out.n, false};
	media_map_init(&back, 77, id_key);
	assert_int_equal(media_map_restore(&back, &in), 0);
	assert_int_equal(in.n, 0);
	assert_true(media_map_transcoded(&back));
	media_map_set_transcoder(&back, &transcoder);
	reoffers(&back);
	media_map_clear(&back);
	/* Whatever a damaged one says: refused, or a map that can be used. */
	for (size_t at = 0; at < out.n; at++) {
		memcpy(bad, good, out.n);
		bad[at] ^= 0xff;
		in = (struct ckpt_in){bad, out.n, false};
		media_map_init(&back, 77, id_key);
		if (media_map_restore(&back, &in) == 0 && back.n_lines > 0) {
			const char *reason;

			media_map_set_transcoder(&back, &transcoder);
			if (media_map_offer(&back, parse(OPUS), 1, &reason) == 0)
				(void)print_rc(&back, 0);
		}
		media_map_clear(&back);
		in = (struct ckpt_in){good, at, false};
		media_map_init(&back, 77, id_key);
		assert_true(media_map_restore(&back, &in) < 0);
		media_map_clear(&back);
	}
	media_map_clear(&map);
}

/* Nobody to transcode: refused with a reason that says whether it is worth another try. */
static void test_no_transcoder(void **state)
{
	static const struct {
		uint32_t state, class;
		const char *offer, *words;
		bool soon;
	} rows[] = {
		{CTL_TRANSCODER_BUSY, 1, "m=audio 4000 RTP/AVP 9\r\n", "no head-room", true},
		{CTL_TRANSCODER_AWAY, 1, "m=audio 4000 RTP/AVP 9\r\n", "not connected", true},
		{CTL_TRANSCODER_NO_CORES, 2, "m=audio 4000 RTP/AVP 9\r\n", "no media cores", false},
		{CTL_TRANSCODER_READY, 2, "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\n",
			"none can be made", false},
	};
	const char *reason;
	bool soon;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(rows[i].class, rows[i].state);
		assert_int_equal(media_map_offer(&map, parse(rows[i].offer), 0, &reason), 0);
		open_all(&map);
		assert_int_equal(print_rc(&map, 1), -ENOTSUP);
		assert_non_null(strstr(media_map_no_codec(&map, &soon), rows[i].words));
		assert_int_equal(soon, rows[i].soon);
	}
	/* G.711 alone needs no media core, and what is there already goes on. */
	start(1, CTL_TRANSCODER_BUSY);
	assert_non_null(strstr(offer_to(&map, PHONE, 0), "RTP/AVP 0 101\r\n"));
	start(1, CTL_TRANSCODER_READY);
	call_up();
	map.transcoder.state = CTL_TRANSCODER_BUSY;
	assert_non_null(strstr(offer_to(&map, PHONE, 0), "RTP/AVP 96 0 101 97\r\n"));
	media_map_clear(&map);
}

/* The class of the offering side; video has none; an answer that fits nothing. */
static void test_refused(void **state)
{
	static const char both[] =
		"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\n"
		"m=video 4002 RTP/AVP 31\r\n";
	const char *reason = "", *text;
	uint32_t set, close;

	start(1, CTL_TRANSCODER_READY);
	assert_int_equal(
		media_map_offer(&map, parse("m=audio 5000 RTP/AVP 9\r\n"), 1, &reason), -ENOTSUP);
	assert_non_null(strstr(reason, "voice class of its side"));
	text = offer_to(&map, both, 0);
	assert_non_null(strstr(text, "m=audio 0 RTP/AVP 97\r\n"));
	assert_non_null(strstr(text, "m=video 30004 RTP/AVP 31\r\n"));
	text = answer_to(&map, "m=audio 0 RTP/AVP 97\r\nm=video 5002 RTP/AVP 31\r\n", 1);
	assert_non_null(strstr(text, "m=audio 0 "));
	assert_non_null(strstr(text, "m=video 20004 "));
	start(1, CTL_TRANSCODER_READY);
	offer_to(&map, PHONE, 0);
	assert_int_equal(media_map_answer(&map, parse("m=audio 5000 RTP/AVP 18\r\n"), 1, &set,
				 &close, &reason),
		-EINVAL);
	assert_non_null(strstr(reason, "no codec that was offered"));
	media_map_clear(&map);
}

/* AMR that the box offers: form, packet time of the class; another trunk with another class. */
static void test_reroute(void **state)
{
	struct cfg_realm peering = {.name = "peering", .voice_codec = 1};
	struct cfg_trunk trunk = {.voice_codec = 2};
	const char *text;

	start(1, CTL_TRANSCODER_READY);
	offer_to(&map, PHONE, 0);
	media_map_set_codecs(&map, 1, &cfg, &peering, &trunk);
	media_map_offer_again(&map);
	assert_int_equal(print_rc(&map, 1), 0);
	text = strstr(printed, "m=");
	assert_string_equal(text,
		"m=audio 30000 RTP/AVP 96 101\r\n"
		"a=rtpmap:96 AMR/8000\r\n"
		"a=fmtp:96 octet-align=1;mode-change-capability=2\r\n"
		"a=rtpmap:101 telephone-event/8000\r\n"
		"a=ptime:40\r\n"
		"a=sendrecv\r\n");
	answer_to(&map,
		"m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n"
		"a=fmtp:96 octet-align=1;mode-set=0,2\r\n",
		1);
	assert_int_equal(map.line[0]->ctl.leg[1].send.params.ptime_ms, 40);
	assert_int_equal(map.line[0]->ctl.leg[1].send.params.modes, 5);
	assert_true(map.line[0]->ctl.leg[1].payloads[0].params.flags & DP_CODEC_OCTET_ALIGN);
	media_map_clear(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_reoffers),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_no_transcoder),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_reroute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
