/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a binding takes in limen-sip, of the box's own registrar and of one behind the box, and what a refresh
 * costs that the core does not see: the stores alone, without sockets and without limen-control's copy.
 * Arguments: users (50000). Prints JSON.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sip-b2bua/registrar/cache.h"
#include "sip-b2bua/registrar/register.h"

static struct sip_token_key key;
static struct sip_msg request, answer; /* large */

static void nothing_put(void *ctx, struct reg_contact *contact)
{
}

static void nothing_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static const struct reg_cache_limits limits = {
	.min_s = 60, .max_s = 3600, .nat_s = 60, .core_s = 3600, .grace_s = 600, .max_contacts = 5};

static char user_text[REG_USER_MAX];

/* A REGISTER as a phone behind NAT sends it. */
static void parse_request(unsigned int i, unsigned int cseq)
{
	static char text[2048];
	int n = snprintf(text, sizeof(text),
		"REGISTER sip:core.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK%08x%u;rport\r\nMax-Forwards: "
		"70\r\n"
		"From: <sip:user%06u@core.example>;tag=%08x\r\nTo: <sip:user%06u@core.example>\r\n"
		"Call-ID: %08x-5c4a-4d52@192.168.1.20\r\nCSeq: %u REGISTER\r\n"
		"Contact: "
		"<sip:user%06u@192.168.1.20:5060>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-"
		"a765-%012x>\"\r\nExpires: 3600\r\nUser-Agent: Vendor IP Phone 7.2.1\r\n"
		"Authorization: Digest username=\"user%06u\", realm=\"core.example\", "
		"nonce=\"abcdef\", "
		"uri=\"sip:core.example\", response=\"0123456789abcdef0123456789abcdef\"\r\n"
		"Content-Length: 0\r\n\r\n",
		i, cseq, i, i, i, i, cseq, i, i, i);

	if (sip_msg_parse(&request, text, (size_t)n, false) < 0 ||
		reg_cache_user(&request.to.uri, "", user_text) < 0)
		abort();
}

static void read_request(const struct reg_store *store, unsigned int i, unsigned int cseq,
	const struct sip_path *path, struct reg_cache_request *r)
{
	struct reg_cache_refusal refusal;

	*r = (struct reg_cache_request){.msg = &request,
		.path = path,
		.key = &key,
		.limits = &limits,
		.realm = VIEW("access"),
		.wall_ms = 1700000000000};
	parse_request(i, cseq);
	r->user = view_of(user_text);
	r->number = reg_cache_number(&key, r->realm, r->user);
	r->hash = reg_cache_hash(&key, r->number);
	if (!reg_cache_parse(store, r, &refusal))
		abort();
}

static void take_answer(struct reg_store *store, unsigned int i, struct reg_cache_request *r)
{
	static char text[2048];
	char token[SIP_TOKEN_LEN];
	const char *reason;
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n"
		"From: <sip:user%06u@core.example>;tag=1\r\nTo: "
		"<sip:user%06u@core.example>;tag=2\r\n"
		"Call-ID: x\r\nCSeq: 1 REGISTER\r\nContact: <sip:%.*s@10.0.0.1>;expires=3600\r\n"
		"Service-Route: <sip:orig@scscf.core.example;lr>\r\n"
		"P-Associated-URI: <sip:user%06u@core.example>, <tel:+4930%06u>\r\n"
		"Content-Length: 0\r\n\r\n",
		i, i, VIEW_ARG(reg_cache_token(&key, r->number, r->list[0].number, token)), i, i);

	if (sip_msg_parse(&answer, text, (size_t)n, false) < 0 ||
		reg_cache_answer(store, r, &answer, &reason) != 200)
		abort();
}

static const struct reg_store_ops store_ops = {.put = nothing_put, .gone = nothing_gone};

/* The box's own registrar: octets a binding. */
static size_t own(struct twheel *wheel, unsigned int n, const struct sip_path *path)
{
	static const uint64_t hash_key[2] = {1, 2};
	static const struct reg_limits own_limits = {
		.min_s = 60, .max_s = 3600, .nat_s = 60, .max_contacts = 5};
	struct reg_store *store = reg_store_new(wheel, 1, n, &store_ops, NULL);
	struct reg_answer said;
	size_t before = mallinfo2().uordblks;

	for (unsigned int i = 0; store && i < n; i++) {
		parse_request(i, 1);
		struct reg_request r = {.msg = &request,
			.path = path,
			.realm = VIEW("access"),
			.user = view_of(user_text),
			.hash = reg_owner_hash(hash_key, VIEW("access"), view_of(user_text)),
			.wall_ms = 1700000000000,
			.digest_hash = 1,
			.limits = &own_limits};
		reg_register(store, &r, &said);
		if (said.status != 200)
			abort();
	}
	size_t bytes = mallinfo2().uordblks - before;
	if (!store || reg_store_n_contacts(store) != n)
		abort();
	reg_store_free(store);
	return bytes / n;
}

/* A registrar behind the box: octets a binding, and refreshes that are answered here. */
static size_t cached(struct twheel *wheel, unsigned int n, const struct sip_path *path,
	double *ret_shielded_per_cpu_s)
{
	struct reg_store *store = reg_store_new(wheel, 1, n, &store_ops, NULL);
	struct reg_cache_request r;
	size_t before = mallinfo2().uordblks;

	for (unsigned int i = 0; store && i < n; i++) {
		read_request(store, i, 1, path, &r);
		take_answer(store, i, &r);
	}
	size_t bytes = mallinfo2().uordblks - before;
	uint64_t start = cpu_ns();
	for (unsigned int i = 0; store && i < n; i++) {
		read_request(store, i, 2, path, &r);
		if (reg_cache_judge(store, &r) != REG_CACHE_SHIELDED ||
			!reg_cache_keep(store, &r, false))
			abort();
	}
	*ret_shielded_per_cpu_s = n * 1e9 / (double)(cpu_ns() - start);
	if (!store || reg_store_n_contacts(store) != n)
		abort();
	reg_store_free(store);
	return bytes / n;
}

int main(int argc, char **argv)
{
	static const uint8_t secret[SIP_TOKEN_KEY] = "bench";
	unsigned int n = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 50000;
	struct twheel *wheel = twheel_new(1000);
	struct sip_path path = {.transport = SIP_UDP};
	double shielded;

	sip_token_key_set(&key, secret);
	if (!wheel || n == 0 || ipaddr_parse_port(VIEW("203.0.113.7:40000"), 0, &path.remote) < 0)
		return 1;
	size_t own_bytes = own(wheel, n, &path), cached_bytes = cached(wheel, n, &path, &shielded);
	printf("{\"bindings\": %u, \"bytes_per_binding\": %zu, \"bytes_per_cached_binding\": %zu, "
	       "\"shielded_per_cpu_s\": %.0f}\n",
		n, own_bytes, cached_bytes, shielded);
	twheel_free(wheel);
	return 0;
}
