/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the registrar: a message is registered, its bindings make header lines that parse,
 * and come back whole from their checkpoints.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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
	if (sip_msg_parse(&msg, (const char *)data, size, false) < 0 || !msg.is_request)
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
