/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registrar on real messages: RFC 3261 10.3 (order, "*", times), RFC 5626 instances, Path, GRUU,
 * NAT, limits; then expiry by time, and bindings that are written and read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sip-b2bua/registrar/register.h"
#include "sip-b2bua/registrar/users.h"

static struct twheel *wheel;
static struct reg_store *store;
static uint64_t now_ms;
static unsigned int n_put, n_gone[4];
static struct sip_path way; /* that requests come by */
static struct reg_gruu *gruu;
static uint64_t last_id;
static const uint64_t key[2] = {1, 2};
static const struct sip_token_key token_key = {{5, 6}, {7, 8}};
static struct reg_limits limits;
static struct sip_msg msg; /* large */
static struct reg_answer answer;
static char out[8192];

static void on_put(void *ctx, struct reg_contact *contact)
{
	n_put++;
	last_id = contact->id;
}

static void on_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
	n_gone[why]++;
}

static const struct reg_store_ops ops = {.put = on_put, .gone = on_gone};

static int setup(void **state)
{
	now_ms = 5000;
	wheel = twheel_new(now_ms);
	store = reg_store_new(wheel, 99, 1000, &ops, NULL);
	limits = (struct reg_limits){
		.min_s = 60, .max_s = 3600, .nat_s = 0, .max_contacts = REG_CONTACTS_MAX};
	n_put = 0;
	gruu = reg_gruu_new(&token_key, 77);
	way = (struct sip_path){.transport = SIP_UDP, .listener = 3};
	memset(n_gone, 0, sizeof(n_gone));
	return wheel && store ? 0 : -1;
}

static int teardown(void **state)
{
	reg_store_free(store);
	reg_gruu_free(gruu);
	assert_int_equal(twheel_n_pending(wheel), 0);
	twheel_free(wheel);
	return 0;
}

static void wait_s(unsigned int s)
{
	now_ms += s * 1000ull;
	twheel_advance(wheel, now_ms);
}

/* fields: further header lines. */
static unsigned int do_register(
	const char *user, const char *call_id, unsigned int cseq, const char *fields)
{
	static char text[8192];
	struct sip_path path = way;
	int n = snprintf(text, sizeof(text),
		"REGISTER sip:example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n"
		"From: <sip:%s@example>;tag=1\r\nTo: <sip:%s@example>\r\nCall-ID: %s\r\n"
		"CSeq: %u REGISTER\r\nUser-Agent: Phone/1\r\n%sContent-Length: 0\r\n\r\n",
		user, user, call_id, cseq, fields);
	struct reg_request r = {.msg = &msg,
		.path = &path,
		.realm = VIEW("access"),
		.user = view_of(user),
		.hash = reg_owner_hash(key, VIEW("access"), view_of(user)),
		.wall_ms = 1700000000000,
		.digest_hash = 2,
		.limits = &limits};
	struct sip_buf b;

	assert_int_equal(ipaddr_parse_port(VIEW("192.0.2.9:5060"), 0, &path.remote), 0);
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	reg_register(store, &r, &answer);
	sip_buf_init(&b, out, sizeof(out) - 1);
	reg_put_contacts(store, answer.aor, VIEW("example"), gruu, &b);
	assert_false(b.overflow);
	out[b.n] = '\0';
	return answer.status;
}

static void expect(const char *text)
{
	if (!strstr(out, text))
		fail_msg("not in the answer: %s\n%s", text, out);
}

static void test_simple(void **state)
{
	assert_int_equal(do_register("alice", "c1", 1, ""), 200);
	assert_string_equal(out, "");
	assert_int_equal(do_register("alice", "c1", 2, "Contact: <sip:alice@192.0.2.9>\r\n"), 200);
	assert_string_equal(out, "Contact: <sip:alice@192.0.2.9>;expires=3600\r\n");
	assert_int_equal(answer.n_added, 1);
	wait_s(10);
	/* a query changes nothing */
	assert_int_equal(do_register("alice", "c9", 1, ""), 200);
	expect("expires=3590");
	assert_int_equal(do_register("alice", "c1", 3,
				 "Contact: <sip:alice@192.0.2.9>;expires=100;q=0.5\r\n"),
		200);
	assert_int_equal(answer.n_refreshed, 1);
	expect("expires=100;q=0.500");
	assert_int_equal(reg_store_n_contacts(store), 1);
	/* header and parameter; the parameter wins. A second contact of the same user. */
	assert_int_equal(do_register("alice", "c2", 1,
				 "Expires: 200\r\nContact: <sip:alice@192.0.2.9:5062>, "
				 "<sip:alice@192.0.2.9:5064>;expires=300\r\n"),
		200);
	expect("5062>;expires=200");
	expect("5064>;expires=300");
	expect("<sip:alice@192.0.2.9>;expires=100");
	assert_int_equal(reg_store_n_aors(store), 1);
	wait_s(100);
	assert_int_equal(reg_store_n_contacts(store), 2);
	assert_int_equal(n_gone[REG_EXPIRED], 1);
	wait_s(200);
	assert_int_equal(reg_store_n_contacts(store), 0);
	assert_int_equal(reg_store_n_aors(store), 0);
}

static void test_order(void **state)
{
	const char *contact = "Contact: <sip:alice@192.0.2.9>\r\n";

	assert_int_equal(do_register("alice", "c1", 10, contact), 200);
	assert_int_equal(do_register("alice", "c1", 10, contact), 500);
	assert_int_equal(
		do_register("alice", "c1", 9, "Contact: <sip:alice@192.0.2.9>;expires=0\r\n"), 500);
	/* older, and beside one that would be new: all or none */
	assert_int_equal(do_register("alice", "c1", 9,
				 "Contact: <sip:alice@192.0.2.9:7>, <sip:alice@192.0.2.9>\r\n"),
		500);
	assert_int_equal(reg_store_n_contacts(store), 1);
	/* another Call-ID is another life of the phone */
	assert_int_equal(do_register("alice", "c2", 1, contact), 200);
	assert_int_equal(reg_store_n_contacts(store), 1);
	assert_int_equal(n_put, 2);
}

static void test_star(void **state)
{
	assert_int_equal(do_register("alice", "c1", 1, "Contact: <sip:alice@192.0.2.9>\r\n"), 200);
	assert_int_equal(do_register("alice", "c2", 1, "Contact: <sip:alice@192.0.2.8>\r\n"), 200);
	assert_int_equal(do_register("alice", "c2", 2, "Contact: *\r\n"), 400);
	assert_int_equal(do_register("alice", "c2", 2, "Contact: *\r\nExpires: 10\r\n"), 400);
	assert_int_equal(
		do_register("alice", "c2", 2, "Contact: *, <sip:a@b>\r\nExpires: 0\r\n"), 400);
	assert_int_equal(
		do_register("alice", "c2", 2, "Contact: <sip:a@b>\r\nContact: *\r\nExpires: 0\r\n"),
		400);
	assert_int_equal(do_register("alice", "c2", 1, "Contact: *\r\nExpires: 0\r\n"), 500);
	assert_int_equal(reg_store_n_contacts(store), 2);
	assert_int_equal(do_register("alice", "c2", 2, "Contact: *\r\nExpires: 0\r\n"), 200);
	assert_int_equal(answer.n_removed, 2);
	assert_null(answer.aor);
	assert_int_equal(reg_store_n_contacts(store), 0);
	assert_int_equal(do_register("alice", "c2", 3, "Contact: *\r\nExpires: 0\r\n"), 200);
}

static void test_times(void **state)
{
	assert_int_equal(
		do_register("alice", "c1", 1, "Contact: <sip:alice@192.0.2.9>;expires=59\r\n"),
		423);
	assert_int_equal(answer.min_expires, 60);
	assert_int_equal(reg_store_n_contacts(store), 0);
	assert_int_equal(do_register("alice", "c1", 1,
				 "Contact: <sip:alice@192.0.2.9>;expires=99999999999\r\n"),
		200);
	expect("expires=3600");
	/* what is no number counts as 3600 (RFC 3261 20.19 and 10.2.1.1) */
	limits.max_s = 7200;
	assert_int_equal(
		do_register("alice", "c1", 2, "Contact: <sip:alice@192.0.2.9>;expires=soon\r\n"),
		200);
	expect("expires=3600");
	assert_int_equal(
		do_register("alice", "c1", 3,
			"Expires: 0\r\nContact: <sip:alice@192.0.2.9>, <sip:alice@192.0.2.7>\r\n"),
		200);
	assert_int_equal(answer.n_removed, 1);
	assert_null(answer.aor);
}

static void test_broken(void **state)
{
	static const char *const contacts[] = {
		"Contact: <mailto:alice@example>\r\n",
		"Contact: <tel:123>\r\n",
		"Contact: <sip:alice@192.0.2.9>, <tel:123>\r\n",
	};
	char many[4000] = "Contact: <sip:a@b>";

	for (unsigned int i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {
		if (do_register("alice", "c1", i + 1, contacts[i]) != 400)
			fail_msg("taken: %s", contacts[i]);
	}
	for (unsigned int i = 0; i < 40; i++)
		sprintf(many + strlen(many), ",<sip:a%u@192.0.2.9>", i);
	strcat(many, "\r\n");
	assert_int_equal(do_register("alice", "c1", 50, many), 400);
	assert_int_equal(reg_store_n_aors(store), 0);
}

static void test_nat(void **state)
{
	limits.nat_s = 120;
	assert_int_equal(do_register("alice", "c1", 1, "Contact: <sip:alice@192.0.2.9>\r\n"), 200);
	expect("expires=3600");
	assert_int_equal(answer.aor->contacts->flags, 0);
	assert_int_equal(do_register("bob", "c1", 1, "Contact: <sip:bob@10.0.0.5>\r\n"), 200);
	expect("expires=120");
	assert_int_equal(answer.aor->contacts->flags, REG_NAT);
	/* a name leads nowhere but back */
	assert_int_equal(do_register("carol", "c1", 1, "Contact: <sip:carol@x.invalid>\r\n"), 200);
	expect("expires=120");
	/* behind a proxy of its own the address is the proxy's affair */
	assert_int_equal(
		do_register("dave", "c1", 1,
			"Contact: <sip:dave@10.0.0.6>\r\nPath: <sip:192.0.2.9;lr>, <sip:p2;lr>\r\n"
			"Path: <sip:p3;lr>\r\n"),
		200);
	expect("expires=3600");
	assert_true(view_eq(reg_contact_text(answer.aor->contacts, REG_PATH),
		VIEW("<sip:192.0.2.9;lr>,<sip:p2;lr>,<sip:p3;lr>")));
}

#define INSTANCE "+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""

static void test_outbound(void **state)
{
	assert_int_equal(do_register("alice", "c1", 1,
				 "Supported: outbound, gruu\r\nContact: "
				 "<sip:a@192.0.2.9:1>;reg-id=1;" INSTANCE "\r\n"),
		200);
	assert_true(answer.by_outbound);
	expect("reg-id=1");
	expect(";pub-gruu=\"sip:alice@example;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"");
	/* the same flow from elsewhere, in another life: one binding */
	assert_int_equal(do_register("alice", "c2", 1,
				 "Contact: <sip:a@192.0.2.9:2>;reg-id=1;" INSTANCE "\r\n"),
		200);
	assert_false(answer.by_outbound);
	assert_int_equal(reg_store_n_contacts(store), 1);
	expect("192.0.2.9:2>");
	assert_null(strstr(out, "pub-gruu"));
	/* a second flow, and the same address without one */
	assert_int_equal(do_register("alice", "c3", 1,
				 "Contact: <sip:a@192.0.2.9:2>;reg-id=2;" INSTANCE "\r\n"),
		200);
	assert_int_equal(do_register("alice", "c4", 1, "Contact: <sip:a@192.0.2.9:2>\r\n"), 200);
	assert_int_equal(reg_store_n_contacts(store), 3);
	/* reg-id without an instance is none; an instance that could not stand in a URI is none */
	assert_int_equal(
		do_register("bob", "c1", 1, "Contact: <sip:a@192.0.2.9>;reg-id=1\r\n"), 200);
	assert_null(strstr(out, "reg-id"));
	assert_int_equal(do_register("bob", "c1", 2,
				 "Supported: gruu\r\nContact: "
				 "<sip:a@192.0.2.9>;+sip.instance=\"<a\\\"b c>\"\r\n"),
		200);
	assert_null(strstr(out, "instance"));
	assert_null(strstr(out, "gruu"));
	/* a proxy in between that does not keep flows */
	assert_int_equal(
		do_register("carol", "c1", 1,
			"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy\r\nSupported: outbound\r\n"
			"Contact: <sip:a@192.0.2.9>;reg-id=1;" INSTANCE "\r\n"),
		439);
	assert_int_equal(
		do_register("carol", "c1", 1,
			"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy\r\nSupported: outbound\r\n"
			"Path: <sip:core;lr>, <sip:10.0.0.2;lr;ob>\r\n"
			"Contact: <sip:a@192.0.2.9>;reg-id=1;" INSTANCE "\r\n"),
		200);
}

/* By a connection of worker 1. */
static void via_tcp(uint64_t conn)
{
	way = (struct sip_path){
		.transport = SIP_TCP, .listener = 3, .conn_worker = 1, .conn = 1ull << 60 | conn};
}

static bool has(const char *user, const char *call_id)
{
	const struct reg_aor *aor = reg_aor_find(store,
		reg_owner_hash(key, VIEW("access"), view_of(user)), VIEW("access"), view_of(user));

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (view_eq(reg_contact_text(c, REG_CALL_ID), view_of(call_id)))
			return true;
	}
	return false;
}

static void test_flows(void **state)
{
	/* two flows of a phone; one behind NAT; one that takes connections; another worker's number */
	via_tcp(7);
	assert_int_equal(do_register("alice", "c1", 1,
				 "Contact: <sip:a@192.0.2.9:1>;reg-id=1;" INSTANCE "\r\n"),
		200);
	assert_int_equal(do_register("bob", "c2", 1, "Contact: <sip:b@10.0.0.5>\r\n"), 200);
	assert_int_equal(do_register("carol", "c3", 1, "Contact: <sip:c@192.0.2.9>\r\n"), 200);
	via_tcp(8);
	assert_int_equal(do_register("alice", "c4", 1,
				 "Contact: <sip:a@192.0.2.9:1>;reg-id=2;" INSTANCE "\r\n"),
		200);
	way.conn_worker = 2;
	way.conn = 1ull << 60 | 7;
	assert_int_equal(do_register("dave", "c5", 1, "Contact: <sip:d@10.0.0.6>\r\n"), 200);
	assert_int_equal(reg_flow_lost(store, 1, 1ull << 60 | 9), 0);
	assert_int_equal(reg_flow_lost(store, 1, 1ull << 60 | 7), 2);
	assert_int_equal(n_gone[REG_FLOW_LOST], 2);
	assert_false(has("alice", "c1"));
	assert_true(has("alice", "c4"));
	assert_false(has("bob", "c2"));
	assert_true(has("carol", "c3"));
	assert_true(has("dave", "c5"));
	/* nothing is told twice, and carol is reached by a new connection */
	assert_int_equal(reg_flow_lost(store, 1, 1ull << 60 | 7), 0);
	/* the phone comes back by another connection: the old one's end means nothing any more */
	via_tcp(10);
	assert_int_equal(do_register("alice", "c4", 2,
				 "Contact: <sip:a@192.0.2.9:1>;reg-id=2;" INSTANCE "\r\n"),
		200);
	assert_int_equal(reg_flow_lost(store, 1, 1ull << 60 | 8), 0);
	assert_true(has("alice", "c4"));
	/* what a proxy says of a flow counts for flows alone */
	reg_flow_failed(store, reg_owner_hash(key, VIEW("access"), VIEW("carol")), last_id);
	reg_flow_failed(store, reg_owner_hash(key, VIEW("access"), VIEW("alice")), last_id + 99);
	assert_int_equal(n_gone[REG_FLOW_LOST], 2);
	reg_flow_failed(store, reg_owner_hash(key, VIEW("access"), VIEW("alice")), last_id);
	assert_false(has("alice", "c4"));
	/* as many connections as make the tables grow, then all end */
	for (unsigned int i = 0; i < 600; i++) {
		char user[20];

		snprintf(user, sizeof(user), "u%u", i);
		via_tcp((uint64_t)i << 28 | 1);
		assert_int_equal(do_register(user, "c1", 1, "Contact: <sip:a@10.1.1.1>\r\n"), 200);
	}
	for (unsigned int i = 0; i < 600; i++)
		assert_int_equal(reg_flow_lost(store, 1, 1ull << 60 | ((uint64_t)i << 28 | 1)), 1);
	assert_int_equal(reg_store_n_aors(store), 2);
}

/* The user part of the temporary GRUU in the answer, of the contact with that text before it. */
static void temp_gruu(const char *behind, char user[REG_GRUU_LEN + 1])
{
	const char *at = strstr(out, behind);

	at = at ? strstr(at, ";temp-gruu=\"sip:") : NULL;
	if (!at || strncmp(at + 16 + REG_GRUU_LEN, "@example;gr\"", 12) != 0)
		fail_msg("no temporary GRUU: %s", out);
	memcpy(user, at + 16, REG_GRUU_LEN);
	user[REG_GRUU_LEN] = '\0';
}

/* Bindings of alice that a GRUU leads to. */
static unsigned int gruu_leads_to(const char *user)
{
	uint64_t owner;
	uint32_t tag;
	const struct reg_aor *aor;
	unsigned int n = 0;

	if (reg_gruu_parse(gruu, view_of(user), &owner, &tag) < 0)
		return 99;
	aor = reg_aor_find(store, owner, VIEW("access"), VIEW("alice"));
	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next)
		n += reg_gruu_tag(c) == tag;
	return n;
}

static void test_temp_gruu(void **state)
{
#define PHONE "Supported: outbound, gruu\r\nContact: <sip:a@192.0.2.9:1>;" INSTANCE
	char first[REG_GRUU_LEN + 1], second[REG_GRUU_LEN + 1], text[REG_GRUU_LEN + 1];
	unsigned int same = 0;

	assert_int_equal(do_register("alice", "c1", 1, PHONE "\r\n"), 200);
	temp_gruu("Contact", first);
	/* another one each time, that has nothing in common with it; both are good */
	assert_int_equal(do_register("alice", "c1", 2, PHONE "\r\n"), 200);
	temp_gruu("Contact", second);
	for (unsigned int i = 6; i < REG_GRUU_LEN; i++)
		same += first[i] == second[i];
	assert_true(same < 10);
	assert_int_equal(gruu_leads_to(first), 1);
	assert_int_equal(gruu_leads_to(second), 1);
	/* the same in capitals, but nothing else */
	for (unsigned int i = 0; i <= REG_GRUU_LEN; i++)
		text[i] = (char)(first[i] >= 'a' && first[i] <= 'z' ? first[i] - 32 : first[i]);
	assert_int_equal(gruu_leads_to(text), 1);
	for (unsigned int i = 0; i < REG_GRUU_LEN; i++) {
		memcpy(text, first, sizeof(text));
		text[i] = text[i] == 'a' ? 'b' : 'a';
		if (gruu_leads_to(text) == 1)
			fail_msg("good although changed: %s", text);
		text[i] = '=';
		assert_int_equal(gruu_leads_to(text), 99);
	}
	first[REG_GRUU_LEN - 1] = '\0';
	assert_int_equal(gruu_leads_to(first), 99);
	/* another Call-ID is another life (RFC 5627 5.2), as is a registration that has ended */
	assert_int_equal(do_register("alice", "c2", 1, PHONE "\r\n"), 200);
	assert_int_equal(gruu_leads_to(second), 0);
	temp_gruu("Contact", first);
	assert_int_equal(gruu_leads_to(first), 1);
	assert_int_equal(do_register("alice", "c2", 2, PHONE ";expires=0\r\n"), 200);
	assert_int_equal(gruu_leads_to(first), 0);
	/* flows are one phone: a GRUU is good while any of them is there */
	assert_int_equal(do_register("alice", "c3", 1, PHONE ";reg-id=1\r\n"), 200);
	temp_gruu("reg-id=1", first);
	assert_int_equal(do_register("alice", "c4", 1, PHONE ";reg-id=2\r\n"), 200);
	temp_gruu("reg-id=2", second);
	assert_int_equal(gruu_leads_to(first), 2);
	assert_int_equal(do_register("alice", "c3", 2, PHONE ";reg-id=1;expires=0\r\n"), 200);
	assert_int_equal(gruu_leads_to(first), 1);
	assert_int_equal(gruu_leads_to(second), 1);
	/* without an instance, or "gruu", there is none */
	assert_int_equal(
		do_register("bob", "c1", 1, "Supported: gruu\r\nContact: <sip:b@192.0.2.9>\r\n"),
		200);
	assert_null(strstr(out, "gruu"));
#undef PHONE
}

static void test_limits(void **state)
{
	char contact[100];

	limits.max_contacts = 3;
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(contact, sizeof(contact), "Contact: <sip:a@192.0.2.9:%u>\r\n", 100 + i);
		assert_int_equal(do_register("alice", "c1", i + 1, contact), 200);
	}
	assert_int_equal(reg_store_n_contacts(store), 3);
	assert_int_equal(n_gone[REG_REPLACED], 2);
	assert_null(strstr(out, ":100>"));
	assert_null(strstr(out, ":101>"));
	expect(":104>");
	/* all that the store takes */
	for (unsigned int i = 0; i < 997; i++) {
		char user[20];

		snprintf(user, sizeof(user), "u%u", i);
		assert_int_equal(do_register(user, "c1", 1, "Contact: <sip:a@192.0.2.9>\r\n"), 200);
	}
	assert_int_equal(do_register("late", "c1", 1, "Contact: <sip:a@192.0.2.9>\r\n"), 503);
	assert_int_equal(reg_store_n_aors(store), 998);
	/* a refresh needs no room */
	assert_int_equal(do_register("u5", "c1", 2, "Contact: <sip:a@192.0.2.9>\r\n"), 200);
}

/* ---- written and read back ---- */

static void test_checkpoint(void **state)
{
	uint8_t bytes[4096];
	struct ckpt_out to = {bytes, 0, sizeof(bytes), false};
	struct ckpt_in from;
	struct reg_contact *c;
	struct reg_new fresh;
	const uint64_t wall = 1700000000000;
	uint64_t id;

	assert_int_equal(
		do_register("alice", "c1", 7,
			"Path: <sip:p;lr>\r\nContact: <sip:a@10.0.0.1>;q=0.3;reg-id=4;" INSTANCE
			";expires=600\r\n"),
		200);
	id = last_id;
	wait_s(100);
	reg_contact_write(store, answer.aor->contacts, wall, &to);
	assert_false(to.failed);
	reg_store_free(store);
	store = reg_store_new(wheel, 5, 1000, &ops, NULL);
	from = (struct ckpt_in){bytes, to.n, false};
	assert_int_equal(reg_contact_read(&from, wall + 50 * 1000, &fresh), 0);
	assert_int_equal(reg_contact_set(store, NULL, &fresh, &c), 0);
	assert_int_equal(c->id, id);
	assert_int_equal(c->cseq, 7);
	assert_int_equal(c->q, 300);
	assert_int_equal(c->reg_id, 4);
	assert_int_equal(c->hash, 2);
	assert_int_equal(reg_contact_left_s(store, c), 450);
	assert_true(view_eq(reg_contact_text(c, REG_URI), VIEW("sip:a@10.0.0.1")));
	assert_true(view_eq(reg_contact_text(c, REG_CALL_ID), VIEW("c1")));
	assert_true(view_eq(reg_contact_text(c, REG_PATH), VIEW("<sip:p;lr>")));
	assert_true(view_eq(reg_contact_text(c, REG_AGENT), VIEW("Phone/1")));
	assert_int_equal(ipaddr_port(&c->path.remote), 5060);
	/* the order of requests holds over the restart */
	assert_int_equal(do_register("alice", "c1", 7,
				 "Contact: <sip:a@10.0.0.1>;reg-id=4;" INSTANCE "\r\n"),
		500);
	from = (struct ckpt_in){bytes, to.n, false};
	assert_int_equal(reg_contact_read(&from, wall + 500 * 1000, &fresh), -ETIMEDOUT);
	for (size_t n = 0; n < to.n; n++) {
		from = (struct ckpt_in){bytes, n, false};
		assert_int_equal(reg_contact_read(&from, wall, &fresh), -EBADMSG);
	}
}

/* ---- the users of the configuration ---- */

static void test_users(void **state)
{
	static struct cfg cfg;
	static struct cfg_pool pools[] = {
		{.registrar = "ab", .username = "c", .number = "+1"},
		{.registrar = "a", .username = "bc"},
		{.registrar = "x", .username = "same", .number = "+2"},
		{.registrar = "y", .username = "same", .number = "+3"},
		{.registrar = "x", .username = "off", .shutdown = true},
		{.registrar = "x"},
	};
	char longest[CFG_PHONE_MAX];
	struct reg_users *users;

	memset(longest, 'n', sizeof(longest));
	memcpy(pools[5].username, longest, sizeof(longest) - 1);
	cfg.pools = pools;
	cfg.n_pools = sizeof(pools) / sizeof(pools[0]);
	users = reg_users_new(&cfg, key);
	assert_non_null(users);
	assert_ptr_equal(reg_users_name(users, "ab", VIEW("c")), &pools[0]);
	assert_ptr_equal(reg_users_name(users, "a", VIEW("bc")), &pools[1]);
	assert_null(reg_users_name(users, "ab", VIEW("bc")));
	assert_null(reg_users_name(users, "", VIEW("abc")));
	assert_null(reg_users_name(users, "x", VIEW("")));
	assert_ptr_equal(reg_users_name(users, "x", VIEW("same")), &pools[2]);
	assert_ptr_equal(reg_users_name(users, "y", VIEW("same")), &pools[3]);
	assert_ptr_equal(reg_users_either(users, "y", VIEW("+3")), &pools[3]);
	assert_null(reg_users_either(users, "y", VIEW("+2")));
	assert_null(reg_users_name(users, "x", VIEW("off")));
	assert_ptr_equal(
		reg_users_name(users, "x", (struct view){longest, sizeof(longest) - 1}), &pools[5]);
	/* longer than any */
	assert_null(reg_users_name(users, "x", (struct view){longest, sizeof(longest)}));
	reg_users_free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_simple),
		T(test_order),
		T(test_star),
		T(test_times),
		T(test_broken),
		T(test_nat),
		T(test_outbound),
		T(test_flows),
		T(test_temp_gruu),
		T(test_limits),
		T(test_checkpoint),
		T(test_users),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
