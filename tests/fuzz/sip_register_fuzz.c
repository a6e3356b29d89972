/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the registrar: a message is registered, its bindings make header lines that parse,
 * and come back whole from their checkpoints. Then the same in front of another registrar: the request is read
 * and built anew, which parses; a response is taken for what that registrar says.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/registrar/cache.h"
#include "sip-b2bua/registrar/register.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int n_there;
static struct reg_gruu *gruu;

static void on_put(void *ctx, struct reg_contact *contact)
{
}

static void on_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
	n_there--;
}

static void read_back(void *arg, struct reg_contact *contact)
{
	static uint8_t bytes[8192];
	struct ckpt_out out = {bytes, 0, sizeof(bytes), false};
	struct ckpt_in in;
	struct reg_new fresh;

	n_there++;
	reg_contact_write(arg, contact, 1000, &out);
	in = (struct ckpt_in){bytes, out.n, false};
	if (out.failed || reg_contact_read(&in, 1000, &fresh) < 0)
		abort();
	for (unsigned int i = 0; i < REG_N_TEXTS; i++) {
		if (!view_eq(fresh.text[i], reg_contact_text(contact, i)))
			abort();
	}
}

/* It is a URI, and leads back to the user. */
static void gruu_check(const struct reg_aor *aor, struct view text)
{
	struct sip_uri uri;
	uint64_t owner;
	uint32_t tag;

	if (sip_uri_parse(text, &uri) < 0 || reg_gruu_parse(gruu, uri.user, &owner, &tag) < 0 ||
		owner != aor->hash)
		abort();
	for (const struct reg_contact *c = aor->contacts; c; c = c->next) {
		if (reg_gruu_tag(c) == tag)
			return;
	}
	abort();
}

static void lines_check(const struct reg_store *store, const struct reg_aor *aor)
{
	static char text[65536];
	static struct sip_msg msg;
	struct sip_values it;
	struct sip_addr addr;
	struct sip_buf b;
	struct view value;
	unsigned int n = 0;

	sip_buf_init(&b, text, sizeof(text));
	sip_put_lit(&b,
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\n"
		"CSeq: 1 REGISTER\r\n");
	reg_put_contacts(store, aor, VIEW("example"), gruu, &b);
	if (sip_build_end(&b, (struct view){NULL, 0}, (struct view){NULL, 0}) < 0)
		return; /* 16 contacts of 2 KB each do not have to fit */
	if (sip_msg_parse(&msg, text, b.n, false) < 0)
		abort();
	sip_values_start(&it, &msg, SIP_H_CONTACT);
	for (; sip_values_next(&it, &value); n++) {
		if (sip_addr_parse(value, &addr) < 0 || addr.star)
			abort();
		if (sip_params_get(addr.params, VIEW("temp-gruu"), &value))
			gruu_check(aor, (struct view){value.p + 1, value.n - 2});
	}
	if (n != aor->n_contacts)
		abort();
}

/* ---- in front of another registrar ---- */

static const struct reg_cache_limits cache_limits = {
	.min_s = 1, .max_s = 3600, .nat_s = 60, .core_s = 3600, .grace_s = 600, .max_contacts = 4};

static bool cache_read(const struct reg_store *store, const struct sip_msg *msg,
	const struct sip_path *path, const struct sip_token_key *key, struct reg_cache_request *r)
{
	struct reg_cache_refusal refusal;

	*r = (struct reg_cache_request){.msg = msg,
		.path = path,
		.key = key,
		.limits = &cache_limits,
		.realm = VIEW("r"),
		.wall_ms = 1000000};
	if (reg_cache_user(&msg->to.uri, "", r->user_text) < 0)
		return false;
	r->user = view_of(r->user_text);
	r->number = reg_cache_number(key, r->realm, r->user);
	r->hash = reg_cache_hash(key, r->number);
	return reg_cache_parse(store, r, &refusal);
}

/* What goes to the core is a message, and its own Contacts in a 200 are taken. */
static void cache_request(struct reg_store *store, const struct sip_msg *msg,
	const struct sip_path *path, const struct sip_token_key *key)
{
	static char text[SIP_MSG_MAX], ok[SIP_MSG_MAX];
	static struct sip_msg built, answer;
	struct reg_cache_request r;
	struct reg_cache_way way = {.path = path,
		.branch = VIEW("z9hG4bKfuzz"),
		.domain = "",
		.core_s = 3600,
		.max_forwards = 70,
		.with_path = true};
	enum reg_cache_verdict verdict;
	const char *reason;
	struct sip_buf b;

	if (!cache_read(store, msg, path, key, &r))
		return;
	verdict = reg_cache_judge(store, &r);
	sip_buf_init(&b, text, sizeof(text));
	if (reg_cache_build(&r, &way, &b) < 0)
		return;
	if (sip_msg_parse(&built, text, b.n, false) < 0)
		abort();
	if (verdict == REG_CACHE_OLD)
		return;
	sip_buf_init(&b, ok, sizeof(ok));
	sip_build_response(&b, &built, NULL, 200, VIEW(""), VIEW("t"));
	sip_put_copies(&b, &built, SIP_H_CONTACT);
	if (sip_build_end(&b, VIEW(""), VIEW("")) < 0 || sip_msg_parse(&answer, ok, b.n, false) < 0)
		abort();
	if (!r.star && reg_cache_answer(store, &r, &answer, &reason) != 200)
		abort();
	if (!cache_read(store, msg, path, key, &r))
		abort();
	for (uint32_t i = 0; i < r.n && r.n <= cache_limits.max_contacts; i++) {
		if ((r.list[i].asked_s > 0) != (r.list[i].old != NULL) && r.n == 1)
			abort();
	}
}

static void cache_response(struct reg_store *store, const struct sip_msg *answer,
	const struct sip_path *path, const struct sip_token_key *key)
{
	static const char text[] =
		"REGISTER sip:e SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n"
		"From: <sip:a@e>;tag=1\r\nTo: <sip:a@e>\r\nCall-ID: c\r\n"
		"CSeq: 1 REGISTER\r\nContact: <sip:a@b>\r\n\r\n";
	static char out[SIP_MSG_MAX];
	static struct sip_msg msg;
	struct reg_cache_request r;
	const char *reason;
	struct sip_buf b;

	if (sip_msg_parse(&msg, text, sizeof(text) - 1, false) < 0 ||
		!cache_read(store, &msg, path, key, &r))
		abort();
	if (answer->status < 200)
		return;
	sip_buf_init(&b, out, sizeof(out));
	sip_build_response(&b, &msg, NULL, answer->status, VIEW(""), VIEW("t"));
	if (reg_cache_answer(store, &r, answer, &reason) == 200)
		reg_cache_put_accepted(store, &r, answer, &b);
	else
		reg_cache_put_refused(&b, answer);
	if (sip_build_end(&b, VIEW(""), VIEW("")) == 0 && sip_msg_parse(&msg, out, b.n, false) < 0)
		abort();
}

static void cache_run(const struct sip_msg *msg, const struct sip_path *path)
{
	static const struct reg_store_ops ops = {.put = on_put, .gone = on_gone};
	static const uint8_t secret[SIP_TOKEN_KEY] = "fuzz";
	struct twheel *wheel = twheel_new(0);
	struct reg_store *store = reg_store_new(wheel, 1, 100, &ops, NULL);
	struct sip_token_key key;

	if (!wheel || !store)
		abort();
	sip_token_key_set(&key, secret);
	if (msg->is_request)
		cache_request(store, msg, path, &key);
	else
		cache_response(store, msg, path, &key);
	n_there = 0;
	reg_store_each(store, read_back, store);
	reg_store_free(store);
	twheel_free(wheel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct reg_store_ops ops = {.put = on_put, .gone = on_gone};
	static const struct reg_limits limits = {
		.min_s = 60, .max_s = 3600, .nat_s = 100, .max_contacts = 4};
	static struct sip_msg msg;
	struct sip_path path = {
		.transport = SIP_UDP, .remote = {.family = 4, .ip = {192, 0, 2, 1}}};
	struct reg_request request = {.msg = &msg,
		.path = &path,
		.realm = VIEW("r"),
		.user = VIEW("u"),
		.hash = 5,
		.limits = &limits};
	struct twheel *wheel;
	struct reg_store *store;
	struct reg_answer answer;
	static const struct sip_token_key key = {{1, 2}, {3, 4}};
	uint64_t owner;
	uint32_t tag;

	if (!gruu)
		gruu = reg_gruu_new(&key, 1);
	(void)!reg_gruu_parse(gruu, (struct view){(const char *)data, size}, &owner, &tag);
	if (sip_msg_parse(&msg, (const char *)data, size, false) < 0)
		return 0;
	cache_run(&msg, &path);
	if (!msg.is_request)
		return 0;
	wheel = twheel_new(0);
	store = reg_store_new(wheel, 1, 100, &ops, NULL);
	if (!wheel || !store)
		abort();
	n_there = 0;
	for (unsigned int i = 0; i < 2; i++) {
		reg_register(store, &request, &answer);
		if (answer.status == 200 && answer.aor)
			lines_check(store, answer.aor);
	}
	reg_store_each(store, read_back, store);
	if (n_there != reg_store_n_contacts(store))
		abort();
	reg_store_free(store);
	twheel_free(wheel);
	return 0;
}
