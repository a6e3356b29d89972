/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The back end on libipsec-mb, used directly: several SHA-1 at once, AES and GHASH by the widest
 * instructions that the CPU has. The library has one manager an instruction set, and which is the
 * fastest differs by suite (with SHA-NI, SSE beats AVX2 for HMAC-SHA1), so each is a back end.
 *
 * The burst calls without checks are used: lengths and pointers were checked by srtp.c.
 */
#include "dataplane/srtp/backend.h"

#include "controlplane/base/secret.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#define CTR_IV_LEN  16
#define GCM_TAG_LEN 16
#define MAC_KEY_LEN 20
#define MAC_TAG_LEN 12 /* of HMAC-SHA1-96: more than any suite puts into a packet */

struct self {
	IMB_MGR *mgr;
	IMB_JOB jobs[SRTP_BURST];
};

struct cm_state {
	uint8_t inner[32], outer[32]; /* hashed pads, 20 octets each */
	uint8_t aes[16 * 15] __attribute__((aligned(16)));
};

static struct self *self_new(void (*init)(IMB_MGR *))
{
	struct self *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->mgr = alloc_mb_mgr(0);
	if (self->mgr)
		init(self->mgr);
	if (!self->mgr || imb_get_errno(self->mgr)) {
		if (self->mgr)
			free_mb_mgr(self->mgr);
		free(self);
		return NULL;
	}
	return self;
}

static void backend_close(void *arg)
{
	struct self *self = arg;

	free_mb_mgr(self->mgr);
	secret_wipe(self, sizeof(*self));
	free(self);
}

static bool has(uint64_t want)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);
	bool ok = mgr && (mgr->features & want) == want;

	if (mgr)
		free_mb_mgr(mgr);
	return ok;
}

static size_t key_size(enum srtp_class class)
{
	return class == SRTP_CM ? sizeof(struct cm_state) : sizeof(struct gcm_key_data);
}

static void pad_hash(IMB_MGR *mgr, const uint8_t *mac_key, uint8_t pad, uint8_t *ret_hash)
{
	uint8_t block[IMB_SHA1_BLOCK_SIZE];

	memset(block, pad, sizeof(block));
	for (unsigned int i = 0; i < MAC_KEY_LEN; i++)
		block[i] ^= mac_key[i];
	IMB_SHA1_ONE_BLOCK(mgr, block, ret_hash);
	secret_wipe(block, sizeof(block));
}

static int key_set(void *arg, struct srtp_key *key, enum srtp_class class,
	const uint8_t *cipher_key, const uint8_t *mac_key)
{
	IMB_MGR *mgr = ((struct self *)arg)->mgr;
	uint8_t decrypt[16 * 15] __attribute__((aligned(16)));
	struct gcm_key_data *gcm = (void *)key->state;
	struct cm_state *cm = (void *)key->state;

	memset(key->state, 0, key_size(class));
	if (class == SRTP_GCM) {
		if (key->is_256)
			IMB_AES256_GCM_PRE(mgr, cipher_key, gcm);
		else
			IMB_AES128_GCM_PRE(mgr, cipher_key, gcm);
		return imb_get_errno(mgr) ? -EIO : 0;
	}
	if (key->is_256)
		IMB_AES_KEYEXP_256(mgr, cipher_key, cm->aes, decrypt);
	else
		IMB_AES_KEYEXP_128(mgr, cipher_key, cm->aes, decrypt);
	secret_wipe(decrypt, sizeof(decrypt));
	pad_hash(mgr, mac_key, 0x36, cm->inner);
	pad_hash(mgr, mac_key, 0x5c, cm->outer);
	return imb_get_errno(mgr) ? -EIO : 0;
}

static void key_drop(struct srtp_key *key, enum srtp_class class)
{
}

static void ctr(void *arg, struct srtp_job *const *jobs, unsigned int n)
{
	struct self *self = arg;
	unsigned int key_len = jobs[0]->key->is_256 ? IMB_KEY_256_BYTES : IMB_KEY_128_BYTES;

	for (unsigned int i = 0; i < n; i++) {
		const struct srtp_job *from = jobs[i];
		const struct cm_state *cm = (const void *)from->key->state;
		IMB_JOB *to = &self->jobs[i];
		to->enc_keys = cm->aes;
		to->dec_keys = cm->aes;
		to->key_len_in_bytes = key_len;
		to->src = from->data + from->text_off;
		to->dst = from->data + from->text_off;
		to->cipher_start_src_offset_in_bytes = 0;
		to->msg_len_to_cipher_in_bytes = from->text_len;
		to->iv = from->iv;
		to->iv_len_in_bytes = CTR_IV_LEN;
	}
	if (IMB_SUBMIT_CIPHER_BURST_NOCHECK(
		    self->mgr, self->jobs, n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, key_len) != n)
		abort(); /* the library broke its contract: packets would leave in clear */
}

static void mac(void *arg, struct srtp_job *const *jobs, unsigned int n)
{
	struct self *self = arg;

	for (unsigned int i = 0; i < n; i++) {
		struct srtp_job *from = jobs[i];
		const struct cm_state *cm = (const void *)from->key->state;
		IMB_JOB *to = &self->jobs[i];
		to->src = from->data;
		to->hash_start_src_offset_in_bytes = 0;
		to->msg_len_to_hash_in_bytes = from->mac_len;
		to->auth_tag_output = from->tag;
		to->auth_tag_output_len_in_bytes = MAC_TAG_LEN;
		to->u.HMAC._hashed_auth_key_xor_ipad = cm->inner;
		to->u.HMAC._hashed_auth_key_xor_opad = cm->outer;
	}
	if (IMB_SUBMIT_HASH_BURST_NOCHECK(self->mgr, self->jobs, n, IMB_AUTH_HMAC_SHA_1) != n)
		abort();
}

static void gcm(void *arg, struct srtp_job *const *jobs, unsigned int n, bool seal)
{
	IMB_MGR *mgr = ((struct self *)arg)->mgr;

	for (unsigned int i = 0; i < n; i++) {
		struct srtp_job *j = jobs[i];
		const struct gcm_key_data *key = (const void *)j->key->state;
		uint8_t *text = j->data + j->text_off;
		struct gcm_context_data ctx;
		if (j->key->is_256 && seal)
			IMB_AES256_GCM_ENC(mgr, key, &ctx, text, text, j->text_len, j->iv, j->aad,
				j->aad_len, j->tag, GCM_TAG_LEN);
		else if (j->key->is_256)
			IMB_AES256_GCM_DEC(mgr, key, &ctx, text, text, j->text_len, j->iv, j->aad,
				j->aad_len, j->tag, GCM_TAG_LEN);
		else if (seal)
			IMB_AES128_GCM_ENC(mgr, key, &ctx, text, text, j->text_len, j->iv, j->aad,
				j->aad_len, j->tag, GCM_TAG_LEN);
		else
			IMB_AES128_GCM_DEC(mgr, key, &ctx, text, text, j->text_len, j->iv, j->aad,
				j->aad_len, j->tag, GCM_TAG_LEN);
	}
}

#define BACKEND(arch, text, want)                     \
	static bool works_##arch(void)                \
	{                                             \
		return has(want);                     \
	}                                             \
	static void *open_##arch(void)                \
	{                                             \
		return self_new(init_mb_mgr_##arch);  \
	}                                             \
	const struct srtp_backend srtp_imb_##arch = { \
		.name = "libipsec-mb " text,          \
		.works = works_##arch,                \
		.open = open_##arch,                  \
		.close = backend_close,               \
		.key_size = key_size,                 \
		.key_set = key_set,                   \
		.key_drop = key_drop,                 \
		.ctr = ctr,                           \
		.mac = mac,                           \
		.gcm = gcm,                           \
	}

BACKEND(sse, "SSE", IMB_CPUFLAGS_SSE);
BACKEND(avx, "AVX", IMB_CPUFLAGS_AVX);
BACKEND(avx2, "AVX2", IMB_CPUFLAGS_AVX2);
BACKEND(avx512, "AVX-512", IMB_CPUFLAGS_AVX512);
