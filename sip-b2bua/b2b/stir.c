/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/b2b/stir.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "controlplane/base/log.h"

LOG_TOPIC("stir");

struct list {
	uint32_t n;
	struct stir_class **item;
};

struct stir {
	struct b2b *b;
	uint32_t numbers; /* classes so far */
	struct list now, next;
};

static void class_free(struct stir_class *class)
{
	if (!class)
		return;
	cert_cache_free(class->cache);
	EVP_PKEY_free(class->key);
	X509_STORE_free(class->store);
	free(class);
}

static void list_free(struct list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		class_free(list->item[i]);
	free(list->item);
	*list = (struct list){0};
}

struct stir *stir_new(struct b2b *b)
{
	struct stir *stir = calloc(1, sizeof(*stir));

	if (stir)
		stir->b = b;
	return stir;
}

void stir_free(struct stir *stir)
{
	if (!stir)
		return;
	list_free(&stir->now);
	list_free(&stir->next);
	free(stir);
}

static EVP_PKEY *key_read(const char *path, const char **ret_why)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	uint8_t signature[64];

	*ret_why = f ? "there is no private key in PEM in it" : strerror(errno);
	if (f)
		fclose(f);
	if (key && !passport_sign_text(VIEW("try"), key, signature)) {
		*ret_why = "it is no key on the curve P-256 (ES256)";
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static X509_STORE *store_read(const char *path, const char **ret_why)
{
	X509_STORE *store = X509_STORE_new();

	*ret_why = "there is no certificate in PEM in it, or it cannot be read";
	if (store && X509_STORE_load_file(store, path) != 1) {
		X509_STORE_free(store);
		store = NULL;
	}
	return store;
}

/* The id says which class wants it: a later class with the same tag is another one. */
static int fetch(void *ctx, const char *url, uint64_t id)
{
	struct stir_class *class = ctx;
	const struct b2b_env *env = &class->b->env;

	if (!env->ops->fetch)
		return -ENOTSUP;
	env->stats->stir_fetches++;
	return env->ops->fetch(env->ctx, url, class->cfg.https_trust, class->cfg.plain_http,
		(uint64_t) class->number << 32 | (id & UINT32_MAX));
}

static int class_read(struct stir_class *class, char error[CFG_ERROR_MAX])
{
	const struct cfg_stir *cfg = &class->cfg;
	const char *path = cfg->private_key, *why = "";

	if (cfg->private_key[0])
		class->key = key_read(path, &why);
	if (!why[0] || class->key) {
		why = "";
		path = cfg->trust;
		if (cfg->trust[0])
			class->store = store_read(path, &why);
	}
	if ((cfg->private_key[0] && !class->key) || (cfg->trust[0] && !class->store)) {
		snprintf(error, CFG_ERROR_MAX, "voice class stir-shaken %u: %s: %s", cfg->tag, path,
			why);
		return -EINVAL;
	}
	if (class->store)
		class->cache = cert_cache_new(fetch, class);
	return class->store && !class->cache ? -ENOMEM : 0;
}

/* The one of before with the same settings. */
static struct stir_class *same(const struct list *list, const struct cfg_stir *cfg)
{
	for (uint32_t i = 0; i < list->n; i++) {
		if (list->item[i] && memcmp(&list->item[i]->cfg, cfg, sizeof(*cfg)) == 0)
			return list->item[i];
	}
	return NULL;
}

int stir_prepare(struct stir *stir, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	struct list *next = &stir->next;

	stir_abort(stir);
	next->item = calloc(cfg->n_stirs ? cfg->n_stirs : 1, sizeof(struct stir_class *));
	if (!next->item)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->n_stirs; i++) {
		struct stir_class *class = calloc(1, sizeof(*class));
		int rc;

		if (!class) {
			stir_abort(stir);
			return -ENOMEM;
		}
		next->item[next->n++] = class;
		class->cfg = cfg->stirs[i];
		class->b = stir->b;
		class->number = ++stir->numbers;
		rc = class_read(class, error);
		if (rc < 0) {
			stir_abort(stir);
			return rc;
		}
	}
	return 0;
}

void stir_apply(struct stir *stir)
{
	struct list old = stir->now;

	/* What has not changed keeps its certificates, and those who wait for some. */
	for (uint32_t i = 0; i < stir->next.n; i++) {
		struct stir_class *kept = same(&old, &stir->next.item[i]->cfg);

		if (!kept)
			continue;
		class_free(stir->next.item[i]);
		stir->next.item[i] = kept;
		for (uint32_t k = 0; k < old.n; k++) {
			if (old.item[k] == kept)
				old.item[k] = NULL;
		}
	}
	stir->now = stir->next;
	stir->next = (struct list){0};
	for (uint32_t i = 0; i < old.n; i++) {
		if (old.item[i] && old.item[i]->cache)
			cert_cache_give_up(old.item[i]->cache);
	}
	list_free(&old);
}

void stir_abort(struct stir *stir)
{
	list_free(&stir->next);
}

void stir_fetched(
	struct stir *stir, uint64_t id, struct view body, uint32_t max_age_s, const char *reason)
{
	const struct b2b_env *env = &stir->b->env;

	for (uint32_t i = 0; i < stir->now.n; i++) {
		struct stir_class *class = stir->now.item[i];

		if (class->number != id >> 32 || !class->cache)
			continue;
		if (body.n == 0) {
			env->stats->stir_fetch_failed++;
			log_warning("a certificate of STIR was not fetched: %s", reason);
		}
		cert_cache_fetched(class->cache, id & UINT32_MAX, env->ops->wall_ms(env->ctx), body,
			max_age_s, reason);
		return;
	}
}

struct stir_class *stir_class_of(struct stir *stir, const struct cfg_tenant *tenant)
{
	for (uint32_t i = 0; tenant && tenant->stir != 0 && i < stir->now.n; i++) {
		if (stir->now.item[i]->cfg.tag == tenant->stir)
			return stir->now.item[i];
	}
	return NULL;
}
