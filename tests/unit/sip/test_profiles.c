/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on messages: what they say, what they make of a message, and what they may not do to one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config/sip_rule.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/profiles/profiles.h"

#define SDP                                                                                  \
	"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"            \
	"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=inactive\r\n" \
	"m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define HEAD                                                                                      \
	"INVITE sip:100@10.0.1.60 SIP/2.0\r\n"                                                    \
	"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKabc\r\n"                                    \
	"Max-Forwards: 70\r\nf: \"Bob\" <sip:bob@10.0.0.1>;tag=ft\r\nTo: <sip:100@10.0.1.60>\r\n" \
	"Call-ID: cid\r\nCSeq: 1 INVITE\r\nContact: <sip:tok@10.0.0.1:5060>\r\n"                  \
	"Supported: timer,\r\n 100rel\r\nUser-Agent: Limen\r\nX-Two: a\r\nx-two: b\r\n"
#define INVITE HEAD "Content-Type: application/sdp\r\n\r\n" SDP
#define OK_INVITE                                                                                  \
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabc\r\nFrom: "                  \
	"<sip:a@b>;tag=1\r\n"                                                                      \
	"To: <sip:c@d>;tag=2\r\nCall-ID: cid\r\nCSeq: 1 INVITE\r\nContact: <sip:tok@10.0.0.1>\r\n" \
	"Server: Limen\r\nContent-Length: 0\r\n\r\n"

static struct cfg *cfg;

/* A configuration with these rules, one a line, as profile 1. */
static struct sip_profiles *profiles_of(const char *lines)
{
	struct sip_profiles *profiles;
	char error[CFG_ERROR_MAX];

	cfg = cfg_new();
	assert_non_null(cfg);
	cfg->sip_profiles = calloc(1, sizeof(*cfg->sip_profiles));
	assert_non_null(cfg->sip_profiles);
	cfg->n_sip_profiles = 1;
	cfg->sip_profiles[0].tag = 1;
	while (*lines) {
		struct cfg_sip_profile *p = &cfg->sip_profiles[0];
		size_t n = strcspn(lines, "\n");

		if (cfg_sip_rule_parse((struct view){lines, n}, &p->rules[p->n_rules], error) < 0)
			fail_msg("%s in %s", error, lines);
		p->n_rules++;
		lines += n + (lines[n] != '\0');
	}
	if (sip_profiles_new(cfg, &profiles, error) < 0)
		fail_msg("%s", error);
	return profiles;
}

static int apply(const char *rules, const char *in, char *out, size_t size, char *why)
{
	struct sip_profiles *profiles = profiles_of(rules);
	size_t n = 0;
	int rc = sip_profiles_apply(profiles, 1, view_of(in), false, out, size - 1, &n, why);

	out[n] = '\0';
	sip_profiles_free(profiles);
	cfg_free(cfg);
	return rc;
}

static void test_changes(void **state)
{
	static const struct {
		const char *rules, *in;
		const char *has, *has_not; /* lines of the result; NULL: nothing is changed */
	} rows[] = {
		{"request INVITE sip-header User-Agent modify \"Limen\" \"My Box\"", INVITE,
			"\r\nUser-Agent: My Box\r\n", "Limen"},
		{"request INVITE sip-header User-Agent remove", INVITE, "\r\nSupported: timer,",
			"User-Agent"},
		{"request any sip-header X-Two remove", INVITE, "", "wo:"},
		{"request INVITE sip-header Diversion add \"Diversion: <sip:1@x>\"", INVITE,
			"\r\nDiversion: <sip:1@x>\r\nContent-Length: ", "zzz"},
		{"request INVITE sip-header Diversion add \"<sip:1@x>;reason=\\\\\"", INVITE,
			"\r\nDiversion: <sip:1@x>;reason=\\\r\n", "zzz"},
		{"request INVITE sip-header Supported modify \", *100rel\" \"\"", INVITE,
			"\r\nSupported: timer\r\n", "100rel"},
		/* compact forms are the same fields */
		{"request INVITE sip-header From modify \"sip:(.*)@10.0.0.1\" "
		 "\"sip:+49\\1@ex.org\"",
			INVITE, "\r\nf: \"Bob\" <sip:+49bob@ex.org>;tag=ft\r\n", "bob@10"},
		{"request INVITE sip-header SIP-Req-URI modify \"sip:(.*)@\" \"sip:9\\1@\"", INVITE,
			"INVITE sip:9100@10.0.1.60 SIP/2.0\r\n", "zzz"},
		{"response 200 sip-header SIP-StatusLine modify \"OK\" \"Fine\"", OK_INVITE,
			"SIP/2.0 200 Fine\r\n", "200 OK"},
		/* from one field into another */
		{"request INVITE sip-header From copy \"sip:(.*)@\" u01\n"
		 "request INVITE sip-header X-Caller add \"X-Caller: \\u01;x\"",
			INVITE, "\r\nX-Caller: bob;x\r\n", "zzz"},
		{"request INVITE sip-header X-None copy \"(.*)\" u02\n"
		 "request INVITE sip-header X-Caller add \"<\\u02>\"",
			INVITE, "\r\nX-Caller: <>\r\n", "zzz"},
		/* a Contact that far ends want to see by name */
		{"request any sip-header Contact modify \"@10.0.0.1:5060\" \"@sbc.example.org\"",
			INVITE, "\r\nContact: <sip:tok@sbc.example.org>\r\n", "tok@10"},
		/* descriptions */
		{"request any sdp-header Audio-Attribute modify \"a=inactive\" \"a=sendrecv\"",
			INVITE, "a=sendrecv\r\nm=video", "inactive"},
		{"request any sdp-header Audio-Attribute add \"a=maxptime:40\"", INVITE,
			"a=inactive\r\na=maxptime:40\r\nm=video", "zzz"},
		{"request any sdp-header Attribute add \"tool:x\"", INVITE,
			"t=0 0\r\na=tool:x\r\nm=audio", "zzz"},
		{"request any sdp-header Video-Attribute remove", INVITE,
			"m=video 4002 RTP/AVP 96\r\n", "H264"},
		{"request any sdp-header Audio-Media modify \" 101$\" \"\"", INVITE,
			"m=audio 4000 RTP/AVP 8\r\n", "101"},
		/* which message */
		{"request BYE sip-header User-Agent remove", INVITE, NULL, NULL},
		{"response any sip-header User-Agent remove", INVITE, NULL, NULL},
		{"response 486 sip-header Server remove", OK_INVITE, NULL, NULL},
		{"response 200 method BYE sip-header Server remove", OK_INVITE, NULL, NULL},
		{"response 200 method INVITE sip-header Server remove", OK_INVITE, "CSeq: 1 INVITE",
			"Server"},
		{"response any sdp-header Audio-Attribute add \"a=x\"", OK_INVITE, NULL, NULL},
		{"request any sip-header User-Agent modify \"nothing like it\" \"x\"", INVITE, NULL,
			NULL},
		/* an expression that would run away does not match */
		{"request any sip-header From modify \"((a|[^q])+)+Q$\" \"x\"", INVITE, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[4096], why[SIP_PROFILES_WHY_MAX] = "";
		int rc = apply(rows[i].rules, rows[i].in, out, sizeof(out), why);

		if (rc != (rows[i].has != NULL))
			fail_msg("%s: %d %s", rows[i].rules, rc, why);
		if (rc == 1 && (!strstr(out, rows[i].has) || strstr(out, rows[i].has_not)))
			fail_msg("%s:\n%s", rows[i].rules, out);
	}
}

/* What a message needs cannot be broken: it stays as it is, and a sentence says why. */
static void test_refused(void **state)
{
	static const struct {
		const char *rules, *why;
	} rows[] = {
		{"request any sip-header SIP-Req-URI modify \"INVITE\" \"BYE\"", "no SIP message"},
		{"request any sip-header SIP-Req-URI modify \"SIP/2.0\" \"\"", "no SIP message"},
		{"request any sip-header From modify \"tag=ft\" \"tag=other\"", "a tag"},
		{"request any sip-header From modify \";tag=ft\" \"\"", "a tag"},
		{"request any sip-header From modify \"<.*\" \"<\"", "no SIP message"},
		{"request any sip-header Contact modify \"tok\" \"me\"", "user part of Contact"},
		{"request any sip-header User-Agent modify \"User-Agent: \" \"Via: \"",
			"another header"},
		{"request any sip-header User-Agent modify \"User-Agent: \" \"Content-Length: 0\"",
			"another header"},
		{"request any sip-header X-Two modify \".*\" \"no colon\"", "another header"},
		{"request any sdp-header Audio-Attribute modify \"a=\" \"m=\"", "another header"},
		{"request any sdp-header Audio-Media modify \"RTP/AVP.*\" \"\"",
			"session description"},
	};
	char rules[8000] = "", out[4096], why[SIP_PROFILES_WHY_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = apply(rows[i].rules, INVITE, out, sizeof(out), why);

		if (rc != -EBADMSG || !strstr(why, rows[i].why))
			fail_msg("%s: %d %s\n%s", rows[i].rules, rc, why, out);
	}
	/* no room */
	assert_int_equal(
		apply("request any sip-header User-Agent remove", INVITE, out, 300, why), -EBADMSG);
	/* growing without end: each rule doubles a field */
	for (unsigned int i = 0; i < 40; i++)
		strcat(rules, "request any sip-header X-Two modify \".*\" \"\\0\\0\"\n");
	assert_int_equal(apply(rules, INVITE, out, sizeof(out), why), -EBADMSG);
	assert_non_null(strstr(why, "too many or too long"));
	/* what is no message at all is left to others */
	assert_int_equal(
		apply("request any sip-header X remove", "nonsense", out, sizeof(out), why),
		-EINVAL);
}

/* Lines as they are typed: what they read as, or why not. */
static void test_lines(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused with why */
		const char *why;
	} rows[] = {
		{"rule", NULL, "request or response"},
		{"10 request INVITE sip-header X add \"a\"",
			"10 request INVITE sip-header X add \"a\"", ""},
		{"request invite SIP-HEADER X ADD \"a \\\"b\\\" \\\\\"",
			"request INVITE sip-header X add \"a \\\"b\\\" \\\\\"", ""},
		{"response 200 method invite sip-header X remove",
			"response 200 method INVITE sip-header X remove", ""},
		{"response ANY sdp-header audio-attribute copy \"ptime:(.*)\" u19",
			"response ANY sdp-header Audio-Attribute copy \"ptime:(.*)\" u19", ""},
		{"request ANY sip-header X modify \"a\" \"\\u01\\1\"",
			"request ANY sip-header X modify \"a\" \"\\u01\\1\"", ""},
		{"request", NULL, "method"},
		{"request 200 sip-header X remove", NULL, "letters"},
		{"response 99 sip-header X remove", NULL, "status"},
		{"request ANY header X remove", NULL, "sip-header or sdp-header"},
		{"request ANY sip-header X: remove", NULL, "cannot stand"},
		{"request ANY sip-header X", NULL, "add, copy, modify or remove"},
		{"request ANY sip-header X add", NULL, "quotes"},
		{"request ANY sip-header X add \"a", NULL, "closing quote"},
		{"request ANY sip-header X add \"a\" b", NULL, "behind the rule"},
		{"request ANY sip-header X add \"\\1\"", NULL, "no match"},
		{"request ANY sip-header X add \"\\u20\"", NULL, "u01 to"},
		{"request ANY sip-header X modify \"\" \"x\"", NULL, "empty"},
		{"request ANY sip-header X modify \"x\" \"\\q\"", NULL, "backslash"},
		{"request ANY sip-header X copy \"x\" u20", NULL, "u01 to"},
		{"request ANY sip-header Via remove", NULL, "not changed"},
		{"request ANY sip-header cseq modify \"1\" \"2\"", NULL, "not changed"},
		{"request ANY sip-header Content-Length add \"5\"", NULL, "not changed"},
		{"request ANY sip-header Via copy \"(.*)\" u01",
			"request ANY sip-header Via copy \"(.*)\" u01", ""},
		{"request ANY sip-header From remove", NULL, "modified or copied"},
		{"request ANY sip-header Contact add \"<sip:x>\"", NULL, "modified or copied"},
		{"response ANY sip-header SIP-Req-URI modify \"a\" \"b\"", NULL, "of requests"},
		{"request ANY sdp-header Nonsense remove", NULL, "no such part"},
		{"request ANY sdp-header Audio-Media remove", NULL, "once"},
		{"request ANY sdp-header Version add \"v=1\"", NULL, "once"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[CFG_ERROR_MAX] = "", text[CFG_VALUE_MAX];
		struct cfg_sip_rule rule, again;
		int rc = cfg_sip_rule_parse(view_of(rows[i].in), &rule, error);

		if ((rc == 0) != (rows[i].out != NULL))
			fail_msg("%s: %d %s", rows[i].in, rc, error);
		if (rc == 0) {
			assert_string_equal(cfg_sip_rule_print(&rule, text), rows[i].out);
			assert_int_equal(cfg_sip_rule_parse(view_of(text), &again, error), 0);
			assert_memory_equal(&rule, &again, sizeof(rule));
		} else if (!strstr(error, rows[i].why)) {
			fail_msg("%s: %s", rows[i].in, error);
		}
	}
}

static void test_bad_expression(void **state)
{
	struct sip_profiles *profiles;
	char error[CFG_ERROR_MAX];

	sip_profiles_free(profiles_of("5 request ANY sip-header X modify \"a\" \"b\""));
	snprintf(cfg->sip_profiles[0].rules[0].match, sizeof(cfg->sip_profiles[0].rules[0].match),
		"(");
	assert_int_equal(sip_profiles_new(cfg, &profiles, error), -EINVAL);
	assert_non_null(strstr(error, "sip-profiles 1 rule 5"));
	cfg_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_expression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
