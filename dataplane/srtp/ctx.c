/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Engines and contexts: see srtp.h. */
#include "dataplane/srtp/priv.h"

#include "controlplane/base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_RTP     0 /* RFC 3711 4.3.2: cipher key; authentication and salt follow */
#define LABEL_RTCP    3
#define RTCP_TAG_SHA1 10 /* RFC 4568 6.2: also where RTP has 4 */
#define MAC_KEY_LEN   20
#define CIPHER_KEY    32

int srtp_engine_new(const struct srtp_choice *choice, struct srtp_engine **ret_engine)
{
	struct srtp_engine *e = aligned_alloc(64, (sizeof(*e) + 63) & ~(size_t)63);

	if (!e)
		return -ENOMEM;
	memset(e, 0, sizeof(*e));
	e->choice = *choice;
	for (unsigned int class = 0; class < SRTP_CLASSES; class ++) {
		e->self[class] = engine_backend(e, class)->open();
		if (!e->self[class]) {
			srtp_engine_free(e);
			return -EIO;
		}
	}
	*ret_engine = e;
	return 0;
}

void srtp_engine_set_clock(struct srtp_engine *engine, uint64_t now)
{
	engine->now = now;
}

void srtp_engine_free(struct srtp_engine *engine)
{
	if (!engine)
		return;
	for (unsigned int class = 0; class < SRTP_CLASSES; class ++)
		if (engine->self[class])
			engine_backend(engine, class)->close(engine->self[class]);
	secret_wipe(engine, sizeof(*engine));
	free(engine);
}

static size_t align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* Session keys of RTP or RTCP. */
static int key_make(struct srtp_engine *e, struct srtp_ctx *ctx, enum srtp_kind kind,
	const struct dp_srtp *master)
{
	uint8_t cipher_key[CIPHER_KEY], mac_key[MAC_KEY_LEN];
	struct srtp_key *key = ctx->key[kind];
	bool cm = ctx->class == SRTP_CM;

	key->is_256 = dp_srtp_suite(master->suite)->key_len == 32;
	int err = srtp_derive(master, kind == SRTP_RTP ? LABEL_RTP : LABEL_RTCP, cipher_key,
		cm ? mac_key : NULL, key->salt);
	if (!err)
		err = ctx->backend->key_set(
			e->self[ctx->class], key, ctx->class, cipher_key, cm ? mac_key : NULL);
	secret_wipe(cipher_key, sizeof(cipher_key));
	secret_wipe(mac_key, sizeof(mac_key));
	return err;
}

int srtp_ctx_new(struct srtp_engine *engine, const struct dp_srtp *key, struct srtp_ctx **ret_ctx)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(key->suite);

	if (!info || key->suite == DP_SRTP_NONE)
		return -EINVAL;
	enum srtp_class class = info->tag_len == 16 ? SRTP_GCM : SRTP_CM;
	const struct srtp_backend *backend = engine_backend(engine, class);
	size_t key_len = align64(sizeof(struct srtp_key) + backend->key_size(class));
	size_t size = sizeof(struct srtp_ctx) + SRTP_KINDS * key_len;
	struct srtp_ctx *ctx = srtp_memory_get(size);

	if (!ctx)
		return -ENOMEM;
	memset(ctx, 0, size);
	ctx->backend = backend;
	ctx->class = class;
	ctx->size = (uint32_t)size;
	ctx->tag_len[SRTP_RTP] = info->tag_len;
	ctx->tag_len[SRTP_RTCP] = class == SRTP_GCM ? info->tag_len : RTCP_TAG_SHA1;
	int err = 0;
	for (unsigned int kind = 0; kind < SRTP_KINDS; kind++)
		ctx->key[kind] = (void *)((char *)(ctx + 1) + kind * key_len);
	for (unsigned int kind = 0; kind < SRTP_KINDS && !err; kind++)
		err = key_make(engine, ctx, kind, key);
	if (err) {
		srtp_ctx_free(ctx);
		return err;
	}
	*ret_ctx = ctx;
	return 0;
}

void srtp_ctx_free(struct srtp_ctx *ctx)
{
	if (!ctx)
		return;
	for (unsigned int kind = 0; kind < SRTP_KINDS; kind++)
		ctx->backend->key_drop(ctx->key[kind], ctx->class);
	srtp_memory_put(ctx, ctx->size);
}

void srtp_ctx_inherit(struct srtp_ctx *ctx, const struct srtp_ctx *old)
{
	memcpy(ctx->seen, old->seen, sizeof(ctx->seen));
	memcpy(ctx->n_seen, old->n_seen, sizeof(ctx->n_seen));
	memcpy(ctx->next_seen, old->next_seen, sizeof(ctx->next_seen));
}

void srtp_ctx_succeed(struct srtp_ctx *ctx, struct srtp_ctx *old, uint64_t good_until)
{
	if (old)
		srtp_ctx_inherit(ctx, old);
	ctx->careful[SRTP_RTP] = ctx->careful[SRTP_RTCP] = true;
	ctx->old = old;
	ctx->old_until = good_until;
	ctx->old_is_over = false;
}

struct srtp_ctx *srtp_ctx_forget(struct srtp_ctx *ctx)
{
	struct srtp_ctx *old = ctx->old;

	ctx->old = NULL;
	return old;
}

bool srtp_ctx_has_old(const struct srtp_ctx *ctx, uint64_t now)
{
	return ctx->old && !ctx->old_is_over && now < ctx->old_until;
}

void srtp_ctx_prefetch(const struct srtp_ctx *ctx)
{
	const char *key = (const char *)(ctx + 1);

	__builtin_prefetch(ctx);
	/* CM: salt, pads and round keys; GCM: the same amount of both of its halves */
	for (unsigned int i = 0; i < 6; i++)
		__builtin_prefetch(key + (size_t)64 * i);
}
