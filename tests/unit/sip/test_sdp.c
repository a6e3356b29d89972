/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SDP: what parses, what the typed access says, and what a printed one holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <cmocka.h>

#include "sip-b2bua/sdp/sdp.h"

static struct sdp sdp;

static const char OFFER[] =
	"v=0\r\n"
	"o=alice 2890844526 2890844527 IN IP4 10.0.0.1\r\n"
	"s=secret\r\n"
	"i=about\r\n"
	"c=IN IP4 10.0.0.2/127\r\n"
	"b=AS:64\r\n"
	"t=0 0\r\n"
	"a=tool:x\r\n"
	"a=recvonly\r\n"
	"m=audio 49170/2 RTP/AVP 0 8 97 101\r\n"
	"a=rtpmap:97 iLBC/8000\r\n"
	"a=fmtp:97 mode=20\r\n"
	"a=rtpmap:101 telephone-event/8000/1\r\n"
	"a=fmtp:101 0-16\r\n"
	"a=ptime:20\r\n"
	"a=maxptime:40\r\n"
	"a=rtcp:53020 IN IP4 10.0.0.3\r\n"
	"a=candidate:1 1 UDP 1 10.0.0.1 49170 typ host\r\n"
	"a=rtcp-mux\r\n"
	"a=sendonly\r\n"
	"m=video 0 RTP/AVP 31\r\n"
	"m=image 49180 udptl t38\r\n"
	"c=IN IP6 2001:db8::9\r\n"
	"a=T38FaxVersion:0\r\n";

static void test_model(void **state)
{
	struct sdp_rtpmap map;
	char text[IPADDR_TEXT_MAX];
	uint16_t pos = 0;
	assert_int_equal(sdp_parse(&sdp, VIEW(OFFER)), 0);
	assert_true(view_eq(sdp.origin.username, VIEW("alice")));
	assert_true(view_eq(sdp.origin.sess_version, VIEW("2890844527")));
	assert_true(view_eq(sdp.session_name, VIEW("secret")));
	assert_int_equal(sdp.n_media, 3);
	assert_int_equal(sdp.n_lines, 24);
	assert_int_equal(sdp.n_session_lines, 9);
	const struct sdp_media *m = &sdp.media[0];
	assert_int_equal(m->port, 49170);
	assert_int_equal(m->n_ports, 2);
	assert_int_equal(m->n_formats, 4);
	assert_int_equal(m->direction, SDP_SENDONLY);
	assert_true(m->rtcp_mux);
	assert_int_equal(m->rtcp_port, 53020);
	assert_string_equal(ipaddr_print(&m->rtcp_addr, text), "10.0.0.3");
	assert_string_equal(ipaddr_print(&m->connection, text), "10.0.0.2");
	assert_int_equal(m->ptime, 20);
	assert_int_equal(m->maxptime, 40);
	assert_int_equal(sdp.media[1].port, 0);
	assert_int_equal(sdp.media[1].direction, SDP_RECVONLY);
	assert_string_equal(ipaddr_print(&sdp.media[2].connection, text), "2001:db8::9");
	assert_true(view_eq(sdp.media[2].proto, VIEW("udptl")));

	assert_int_equal(sdp_rtpmap(&sdp, 0, 101, &map), 0);
	assert_true(view_eq(map.encoding, VIEW("telephone-event")));
	assert_int_equal(map.rate, 8000);
	assert_int_equal(sdp_rtpmap(&sdp, 0, 8, &map), 0);
	assert_true(view_eq(map.encoding, VIEW("PCMA")));
	assert_int_equal(sdp_rtpmap(&sdp, 0, 98, &map), -ENOENT);
	assert_int_equal(sdp_rtpmap(&sdp, 9, 98, &map), -ENOENT);
	assert_true(view_eq(sdp_fmtp(&sdp, 0, VIEW("97")), VIEW("mode=20")));
	assert_null(sdp_fmtp(&sdp, 0, VIEW("0")).p);
	assert_true(sdp_has_attr(&sdp, 0, VIEW("candidate")));
	assert_false(sdp_has_attr(&sdp, 1, VIEW("candidate")));
	assert_true(sdp_has_attr(&sdp, -1, VIEW("tool")));
	assert_non_null(sdp_attr(&sdp, 0, VIEW("rtpmap"), &pos));
	assert_non_null(sdp_attr(&sdp, 0, VIEW("rtpmap"), &pos));
	assert_null(sdp_attr(&sdp, 0, VIEW("rtpmap"), &pos));
}

#define MIN "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n"

struct bad_row {
	const char *text, *error;
};

static const struct bad_row bad[] = {
	{"", "empty"},
	{"v=0\r\n", "does not start with v=, o=, s="},
	{"v=1\no=- 1 1 IN IP4 h\ns=-\n", "another version than 0"},
	{"v=0\no=- 1 IN IP4 h\ns=-\n", "bad o="},
	{"v=0\no=- 1 1 IN IP4 h\nt=0 0\n", "does not start with v=, o=, s="},
	{MIN "x\n", "a line is not of the form x=value"},
	{MIN "=x\n", "a line is not of the form x=value"},
	{MIN "\nt=0 0\n", "an empty line"},
	{MIN "a=x\x01y\n", "a control character in a line"},
	{MIN "a=tab\tand more than eight\x1foctets\n", "a control character in a line"},
	{MIN "a=of sixteen octet\x1f\n", "a control character in a line"},
	{MIN "a=:x\n", "an attribute without a name"},
	{MIN "c=IN IP4\n", "bad c="},
	{MIN "c=IN IP4 ::1\n", "the address of c= is of another family"},
	{MIN "c=ATM NSAP x\n", "c= is neither IN IP4 nor IN IP6"},
	{MIN "m=audio 1 RTP/AVP 0\n", "no c= for a media line"},
	{MIN "m=audio RTP/AVP 0\n", "bad number of ports in m="},
	{MIN "m=audio 65536 RTP/AVP 0\n", "bad port in m="},
	{MIN "m=audio -1 RTP/AVP 0\n", "bad port in m="},
	{MIN "m=audio 1/0 RTP/AVP 0\n", "bad number of ports in m="},
	{MIN "m=audio 1 RTP/AVP\n", "no formats or too many in m="},
	{MIN "m=audio\n", "bad m="},
	{MIN "c=IN IP4 h\nm=audio 1 RTP/AVP 0\na=rtcp:0\n", "bad a=rtcp"},
};

static void test_bad(void **state)
{
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = strlen(bad[i].text);
		char *p = malloc(n + 1);
		memcpy(p, bad[i].text, n);
		if (sdp_parse(&sdp, (struct view){p, n}) != -EBADMSG)
			fail_msg("taken: %s", bad[i].text);
		assert_string_equal(sdp.error, bad[i].error);
		free(p);
	}
	/* No t=, a host name in c=, LF only, no line end at the end, a trailing empty line */
	assert_int_equal(
		sdp_parse(&sdp, VIEW(MIN "c=IN IP4 host.example\nm=audio 4 RTP/AVP 0")), 0);
	assert_int_equal(sdp.media[0].connection.family, 0);
	assert_int_equal(sdp_parse(&sdp, VIEW(MIN "t=0 0\r\n\r\n")), 0);
}

static void test_limits(void **state)
{
	static char text[100000];
	size_t n = (size_t)sprintf(text, MIN "c=IN IP4 192.0.2.1\n");
	for (unsigned int i = 0; i < SDP_MEDIA_MAX; i++)
		n += (size_t)sprintf(text + n, "m=audio 4 RTP/AVP 0\n");
	assert_int_equal(sdp_parse(&sdp, view_of(text)), 0);
	strcpy(text + n, "m=audio 4 RTP/AVP 0\n");
	assert_int_equal(sdp_parse(&sdp, view_of(text)), -EBADMSG);
	assert_string_equal(sdp.error, "too many media lines");
	n = (size_t)sprintf(text, MIN);
	for (unsigned int i = 3; i < SDP_LINES_MAX; i++)
		n += (size_t)sprintf(text + n, "a=x\n");
	assert_int_equal(sdp_parse(&sdp, view_of(text)), 0);
	strcpy(text + n, "a=x\n");
	assert_int_equal(sdp_parse(&sdp, view_of(text)), -EBADMSG);
}

static void addr_set(struct ipaddr *a, const char *text, uint16_t port)
{
	assert_int_equal(ipaddr_parse(view_of(text), port, a), 0);
}

static void test_print(void **state)
{
	static const char *const allow[] = {"rtpmap", "fmtp", "ptime", "T38FaxVersion", NULL};
	struct ipaddr origin;
	struct sdp_media_plan media[3] = {
		{.rtcp_port = 30003, .direction = SDP_DIR_NONE, .formats = VIEW("0 101")},
		{.direction = SDP_INACTIVE},
		{.direction = SDP_SENDRECV, .rtcp_mux = true},
	};
	struct sdp_plan plan = {VIEW("limen"), 7, 8, VIEW("-"), &origin, media, 3, allow};
	char out[2000];
	struct sip_buf b;
	addr_set(&origin, "192.0.2.99", 0);
	addr_set(&media[0].addr, "192.0.2.99", 30000);
	addr_set(&media[2].addr, "2001:db8::99", 30010);
	assert_int_equal(sdp_parse(&sdp, VIEW(OFFER)), 0);
	sip_buf_init(&b, out, sizeof(out));
	assert_int_equal(sdp_print(&sdp, &plan, &b), 0);
	static const char expected[] =
		"v=0\r\n"
		"o=limen 7 8 IN IP4 192.0.2.99\r\n"
		"s=-\r\n"
		"c=IN IP4 192.0.2.99\r\n"
		"b=AS:64\r\n"
		"t=0 0\r\n"
		"m=audio 30000 RTP/AVP 0 101\r\n"
		"a=rtpmap:101 telephone-event/8000/1\r\n"
		"a=fmtp:101 0-16\r\n"
		"a=ptime:20\r\n"
		"a=rtcp:30003\r\n"
		"a=sendonly\r\n"
		"m=video 0 RTP/AVP 31\r\n"
		"m=image 30010 udptl t38\r\n"
		"c=IN IP6 2001:db8::99\r\n"
		"a=T38FaxVersion:0\r\n"
		"a=rtcp-mux\r\n"
		"a=sendrecv\r\n";
	if (b.n != sizeof(expected) - 1 || memcmp(b.p, expected, b.n) != 0)
		fail_msg("is:\n%.*s", (int)b.n, b.p);
	plan.n_media = 2;
	assert_int_equal(sdp_print(&sdp, &plan, &b), -EINVAL);
	plan.n_media = 3;
	sip_buf_init(&b, out, 100);
	assert_int_equal(sdp_print(&sdp, &plan, &b), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
