/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who calls, at the border of two sides: the matrix of trust, redirections, numbers, Session-ID. */
#include "sip-b2bua/identity/identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sip-b2bua/identity/session_id.h"

#define FROM "\"Ann\" <sip:+4930111@10.0.0.9>"
static struct sip_msg msg;
static char text[8192], out[8192];
static struct cfg cfg;
static struct cfg_realm realm[2];
static struct cfg_tenant tenant[2];
static struct ipaddr host;

static const struct sip_msg *parse(const char *from, const char *headers)
{
	int n = snprintf(text, sizeof(text),
		"INVITE sip:+49309@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
		"From: %s;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"Max-Forwards: 70\r\n%s\r\n",
		from, headers);

	if (sip_msg_parse(&msg, text, (size_t)n, false) < 0)
		fail_msg("%s in %s", msg.error, text);
	return &msg;
}

/* Two sides, the second of class access or peering; tenants as they are. */
static void sides(struct identity *id, bool believed, bool told)
{
	memset(&cfg, 0, sizeof(cfg));
	memset(realm, 0, sizeof(realm));
	tenant[0].tag = 1;
	tenant[1].tag = 2;
	cfg.tenants = tenant;
	cfg.n_tenants = 2;
	realm[0].class = believed ? CFG_REALM_PEERING : CFG_REALM_ACCESS;
	realm[1].class = told ? CFG_REALM_PEERING : CFG_REALM_ACCESS;
	realm[0].tenant = 1;
	realm[1].tenant = 2;
	assert_int_equal(ipaddr_parse_port(VIEW("192.0.2.1:5060"), 5060, &host), 0);
	identity_init(id, &cfg, &realm[0], NULL, &realm[1], NULL, &host, NULL);
}

static const char *put_all(const struct identity *id, const struct sip_msg *m)
{
	struct sip_buf b;

	sip_buf_init(&b, out, sizeof(out) - 1);
	identity_put_from(&b, id, m);
	sip_put_crlf(&b);
	identity_put_headers(&b, id, m);
	assert_false(b.overflow);
	out[b.n] = '\0';
	assert_null(strstr(out, "10.0.0."));
	return out;
}

static void expect(size_t row, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("row %zu:\n%s\nwant\n%s", row, got, want);
}

#define ANN    "\"Ann\" <sip:+4930111@192.0.2.1>\r\n"
#define NOBODY "\"Anonymous\" <sip:anonymous@anonymous.invalid>\r\n"
#define PAI    "P-Asserted-Identity: \"A\" <sip:+4930100@10.0.0.9>, <tel:+4930100>\r\n"
#define PAI_OUT                                                   \
	"P-Asserted-Identity: \"A\" <sip:+4930100@192.0.2.1>\r\n" \
	"P-Asserted-Identity: <tel:+4930100>\r\n"

/* RFC 3325 5 to 7: in x out x what the caller asks for. */
static void test_trust(void **state)
{
	static const struct {
		bool believed, told;
		const char *headers, *want;
	} rows[] = {
		{false, false, PAI, ANN},
		{false, true, PAI, ANN},
		{true, false, PAI, ANN PAI_OUT},
		{true, true, PAI, ANN PAI_OUT},
		{false, false, PAI "Privacy: id\r\n", NOBODY},
		{false, true, PAI "Privacy: id\r\n", ANN "Privacy: id\r\n"},
		{true, false, PAI "Privacy: id\r\n", NOBODY},
		{true, true, PAI "Privacy: id\r\n", ANN "Privacy: id\r\n" PAI_OUT},
		{true, false, PAI "Privacy: user;header\r\n", NOBODY PAI_OUT},
		{true, true, PAI "Privacy: user; bogus.10.0.0.1;id\r\n",
			ANN "Privacy: user;id\r\n" PAI_OUT},
		{true, false, PAI "Privacy: none\r\n", ANN "Privacy: none\r\n" PAI_OUT},
		{true, true, "Remote-Party-ID: <sip:7@10.0.0.9>;party=calling\r\n", ANN},
		{true, true, "P-Preferred-Identity: <sip:7@10.0.0.9>\r\n", ANN},
		{true, true, "P-Asserted-Identity: <urn:service:sos>\r\n", ANN},
	};

	memset(tenant, 0, sizeof(tenant));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity id;

		sides(&id, rows[i].believed, rows[i].told);
		expect(i, put_all(&id, parse(FROM, rows[i].headers)), rows[i].want);
	}
}

static void test_tenant_trust(void **state)
{
	static const struct {
		uint8_t in, out;
		bool believed, told;
	} rows[] = {
		{CFG_TRUST_NONE, CFG_TRUST_NONE, false, false},
		{CFG_TRUST_IN, CFG_TRUST_IN, true, false},
		{CFG_TRUST_OUT, CFG_TRUST_OUT, false, true},
		{CFG_TRUST_BOTH, CFG_TRUST_BOTH, true, true},
		{CFG_TRUST_CLASS, CFG_TRUST_CLASS, true, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity id;

		memset(tenant, 0, sizeof(tenant));
		tenant[0].trust = rows[i].in;
		tenant[1].trust = rows[i].out;
		sides(&id, true, false);
		assert_int_equal(id.believed, rows[i].believed);
		assert_int_equal(id.told, rows[i].told);
	}
}

static void test_asserted(void **state)
{
	static const struct {
		uint8_t asserted, privacy;
		const char *headers, *want;
	} rows[] = {
		{CFG_ASSERTED_PAI, 0, "",
			ANN "P-Asserted-Identity: \"Ann\" <sip:+4930111@192.0.2.1>\r\n"},
		{CFG_ASSERTED_PPI, 0, PAI,
			ANN "P-Preferred-Identity: \"A\" <sip:+4930100@192.0.2.1>\r\n"},
		{CFG_ASSERTED_RPID, 0, PAI,
			ANN "Remote-Party-ID: \"A\" <sip:+4930100@192.0.2.1>"
			    ";party=calling;screen=yes;privacy=off\r\n"},
		{CFG_ASSERTED_RPID, 0, PAI "Privacy: id\r\n",
			ANN "Privacy: id\r\nRemote-Party-ID: \"A\" <sip:+4930100@192.0.2.1>"
			    ";party=calling;screen=yes;privacy=full\r\n"},
		{CFG_ASSERTED_PAI, 0,
			"Remote-Party-ID: <sip:8@10.0.0.9>;party=called, "
			"<sip:7@10.0.0.9>;party=calling;privacy=full\r\n",
			ANN "Privacy: id\r\nP-Asserted-Identity: <sip:7@192.0.2.1>\r\n"},
		{CFG_ASSERTED_PAI, 0, "P-Preferred-Identity: <sip:7@10.0.0.9>\r\n",
			ANN "P-Asserted-Identity: <sip:7@192.0.2.1>\r\n"},
		{CFG_ASSERTED_NONE, 0, PAI, ANN},
		{CFG_ASSERTED_PASS, CFG_PRIVACY_ID, PAI, ANN "Privacy: id\r\n" PAI_OUT},
		{CFG_ASSERTED_PASS, CFG_PRIVACY_FULL, PAI "Privacy: none\r\n",
			ANN "Privacy: header;session;user;id;history\r\n" PAI_OUT},
		{CFG_ASSERTED_PASS, CFG_PRIVACY_DISABLE, PAI "Privacy: id\r\n", ANN PAI_OUT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity id;

		memset(tenant, 0, sizeof(tenant));
		tenant[1].asserted_id = rows[i].asserted;
		tenant[1].privacy = rows[i].privacy;
		sides(&id, true, true);
		expect(i, put_all(&id, parse(FROM, rows[i].headers)), rows[i].want);
	}
}

static void test_forced_privacy_outside(void **state)
{
	struct identity id;

	memset(tenant, 0, sizeof(tenant));
	tenant[1].privacy = CFG_PRIVACY_USER;
	tenant[1].asserted_id = CFG_ASSERTED_PAI;
	sides(&id, true, false);
	expect(0, put_all(&id, parse(FROM, PAI)), NOBODY);
	/* Nobody is asserted of who hides himself. */
	tenant[1].privacy = CFG_PRIVACY_PASS;
	sides(&id, true, true);
	expect(1, put_all(&id, parse("<sip:anonymous@anonymous.invalid>", "")),
		"<sip:anonymous@anonymous.invalid>\r\n");
}

#define DIVERSION                                                                      \
	"Diversion: <sip:+4930222@10.0.0.7>;reason=user-busy;privacy=full;counter=1, " \
	"\"x\" <sip:+4930333@10.0.0.8;transport=tcp>;reason=unconditional;counter=2;limit=5\r\n"
#define HISTORY                                                                           \
	"History-Info: <sip:+4930333@10.0.0.8>;index=1\r\n"                               \
	"History-Info: <sip:+4930222@10.0.0.7;cause=302?Privacy=history>;index=1.1;mp=1," \
	"<sip:+49309@10.0.0.1;cause=486>;index=1.1.1;mp=1.1\r\n"

static void test_redirecting(void **state)
{
	static const struct {
		bool believed, told;
		uint8_t how;
		const char *headers, *want;
	} rows[] = {
		{true, true, CFG_REDIRECTING_NONE, DIVERSION HISTORY, ""},
		{false, true, CFG_REDIRECTING_PASS, DIVERSION HISTORY, ""},
		{true, true, CFG_REDIRECTING_PASS, DIVERSION,
			"Diversion: "
			"<sip:+4930222@192.0.2.1>;reason=user-busy;counter=1;privacy=full"
			"\r\nDiversion: <sip:+4930333@192.0.2.1>;reason=unconditional;counter=2"
			";privacy=off\r\n"},
		{true, false, CFG_REDIRECTING_PASS, DIVERSION,
			"Diversion: <sip:anonymous@anonymous.invalid>;reason=user-busy;counter=1"
			";privacy=full\r\n"
			"Diversion: <sip:+4930333@192.0.2.1>;reason=unconditional;counter=2"
			";privacy=off\r\n"},
		/* RFC 7544 4 and 6, one into the other */
		{true, true, CFG_REDIRECTING_HISTORY, DIVERSION,
			"History-Info: <sip:+4930333@192.0.2.1>;index=1\r\n"
			"History-Info: <sip:+4930222@192.0.2.1;cause=302?Privacy=history>"
			";index=1.1;mp=1\r\n"
			"History-Info: <sip:+49309@192.0.2.1;cause=486>;index=1.1.1;mp=1.1\r\n"},
		{true, true, CFG_REDIRECTING_DIVERSION, HISTORY,
			"Diversion: "
			"<sip:+4930222@192.0.2.1>;reason=user-busy;counter=1;privacy=full"
			"\r\nDiversion: <sip:+4930333@192.0.2.1>;reason=unconditional;counter=1"
			";privacy=off\r\n"},
		{true, true, CFG_REDIRECTING_PASS, HISTORY,
			"History-Info: <sip:+4930333@192.0.2.1>;index=1\r\n"
			"History-Info: <sip:+4930222@192.0.2.1;cause=302?Privacy=history>"
			";index=1.1;mp=1\r\n"
			"History-Info: <sip:+49309@192.0.2.1;cause=486>;index=1.1.1;mp=1.1\r\n"},
		{true, false, CFG_REDIRECTING_PASS, HISTORY "Privacy: history\r\n", ""},
		{true, true, CFG_REDIRECTING_PASS,
			"Diversion: <sip:+49301@10.0.0.1>;reason=\"10.0.0.1\"\r\n",
			"Diversion: <sip:+49301@192.0.2.1>;reason=unknown;counter=1;privacy=off"
			"\r\n"},
		{true, true, CFG_REDIRECTING_PASS, "Diversion: <urn:x>, garbage<\r\n", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity id;
		struct sip_buf b;

		memset(tenant, 0, sizeof(tenant));
		tenant[1].redirecting = rows[i].how;
		sides(&id, rows[i].believed, rows[i].told);
		sip_buf_init(&b, out, sizeof(out) - 1);
		identity_put_redirecting(&b, &id, parse(FROM, rows[i].headers));
		out[b.n] = '\0';
		expect(i, out, rows[i].want);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		uint32_t in_country, out_country;
		uint8_t form;
		const char *number, *want;
	} rows[] = {
		{49, 49, CFG_CALLER_ID_E164, "030123456", "+4930123456"},
		{49, 49, CFG_CALLER_ID_E164, "0049301234", "+49301234"},
		{49, 49, CFG_CALLER_ID_E164, "+49301234", "+49301234"},
		{49, 49, CFG_CALLER_ID_NATIONAL, "+49301234", "0301234"},
		{49, 49, CFG_CALLER_ID_NATIONAL, "004330123456", "004330123456"},
		{49, 43, CFG_CALLER_ID_NATIONAL, "030123456", "004930123456"},
		{49, 49, CFG_CALLER_ID_E164, "30123456", "30123456"}, /* of which town? */
		{49, 49, CFG_CALLER_ID_E164, "110", "110"},
		{49, 49, CFG_CALLER_ID_E164, "alice", "alice"},
		{0, 49, CFG_CALLER_ID_E164, "030123456", "030123456"},
		{49, 49, CFG_CALLER_ID_PASS, "030123456", "030123456"},
	};
	char got[IDENTITY_NUMBER_MAX];
	char longest[IDENTITY_NUMBER_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cfg_tenant in = {.country_code = rows[i].in_country,
			.national_prefix = "0",
			.international_prefix = "00"};
		struct cfg_tenant to = in;

		to.country_code = rows[i].out_country;
		to.caller_id = rows[i].form;
		assert_int_equal(identity_number(&in, &to, rows[i].number, got), 0);
		expect(i, got, rows[i].want);
	}
	assert_int_equal(identity_number(NULL, NULL, "0301234567", got), 0);
	assert_string_equal(got, "0301234567");
	memset(longest, '1', sizeof(longest));
	longest[IDENTITY_NUMBER_MAX] = '\0';
	assert_int_equal(identity_number(NULL, NULL, longest, got), -ENAMETOOLONG);
}

/* Everything that names the caller is written in the called side's form. */
static void test_numbers_everywhere(void **state)
{
	struct identity id;
	struct sip_buf b;

	memset(tenant, 0, sizeof(tenant));
	for (unsigned int i = 0; i < 2; i++) {
		tenant[i].country_code = 49;
		strcpy(tenant[i].national_prefix, "0");
		strcpy(tenant[i].international_prefix, "00");
	}
	tenant[1].caller_id = CFG_CALLER_ID_E164;
	tenant[1].redirecting = CFG_REDIRECTING_PASS;
	sides(&id, true, true);
	expect(0,
		put_all(&id, parse("<sip:03011122@10.0.0.9;user=phone>",
				     "P-Asserted-Identity: <tel:03011133>\r\n")),
		"<sip:+493011122@192.0.2.1;user=phone>\r\n"
		"P-Asserted-Identity: <tel:+493011133>\r\n");
	sip_buf_init(&b, out, sizeof(out) - 1);
	identity_put_redirecting(&b, &id, parse(FROM, "Diversion: <sip:03022233@10.0.0.1>\r\n"));
	out[b.n] = '\0';
	assert_non_null(strstr(out, "<sip:+493022233@192.0.2.1>"));
	/* A number that was translated on the way comes before what From said. */
	id.number = VIEW("4711");
	expect(1, put_all(&id, parse(FROM, "")), "\"Ann\" <sip:4711@192.0.2.1>\r\n");
}

static void test_session_id(void **state)
{
	static const struct {
		const char *header, *want; /* NULL: none that can be used */
	} rows[] = {
		{"Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=000\r\n",
			"ab30317f1a784dc48ff824d0d3715d86"},
		{"Session-ID: AB30317F1A784DC48FF824D0D3715D86\r\n",
			"ab30317f1a784dc48ff824d0d3715d86"},
		{"Session-ID: ab30317f1a784dc48ff824d0d3715d8\r\n", NULL},
		{"Session-ID: ab30317f1a784dc48ff824d0d3715d860\r\n", NULL},
		{"Session-ID: 00000000000000000000000000000000\r\n", NULL},
		{"Session-ID: 10.0.0.1\r\n", NULL},
		{"", NULL},
	};
	char uuid[CTL_SESSION_ID];
	const uint64_t bits[2] = {UINT64_MAX, UINT64_MAX};
	struct sip_buf b;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = session_id_read(parse(FROM, rows[i].header), uuid);

		assert_int_equal(found, rows[i].want != NULL);
		if (found)
			expect(i, uuid, rows[i].want);
	}
	session_id_make(bits, uuid);
	assert_string_equal(uuid, "ffffffffffff4fffbfffffffffffffff"); /* version 4, variant 1 */
	sip_buf_init(&b, out, sizeof(out) - 1);
	session_id_put(&b, uuid, "");
	out[b.n] = '\0';
	assert_string_equal(out,
		"Session-ID: ffffffffffff4fffbfffffffffffffff;"
		"remote=00000000000000000000000000000000\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_tenant_trust),
		cmocka_unit_test(test_asserted),
		cmocka_unit_test(test_forced_privacy_outside),
		cmocka_unit_test(test_redirecting),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_numbers_everywhere),
		cmocka_unit_test(test_session_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
