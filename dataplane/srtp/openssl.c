/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The back end on OpenSSL, for CPUs that libipsec-mb does not serve. One packet after the other;
 * the cipher contexts are made with the key, and the two pads of HMAC are hashed then, so that a
 * packet allocates nothing.
 *
 * SHA1_*() is deprecated in OpenSSL 3 and half as dear as EVP_MAC per packet: only it lets a
 * prepared state be copied without allocating.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dataplane/srtp/backend.h"

#include "controlplane/base/secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#define GCM_IV_LEN  12
#define GCM_TAG_LEN 16
#define MAC_KEY_LEN 20
#define SHA1_BLOCK  64

struct cm_state {
	EVP_CIPHER_CTX *ctr;
	SHA_CTX inner, outer;
};

struct gcm_state {
	EVP_CIPHER_CTX *seal, *open;
};

static bool works(void)
{
	return true;
}

/* No state of the thread's own; the address only says that it is there. */
static void *backend_open(void)
{
	static char self;
	return &self;
}

static void backend_close(void *self)
{
}

static size_t key_size(enum srtp_class class)
{
	return class == SRTP_CM ? sizeof(struct cm_state) : sizeof(struct gcm_state);
}

static void pad_hash(SHA_CTX *sha, const uint8_t *mac_key, uint8_t pad)
{
	uint8_t block[SHA1_BLOCK];

	memset(block, pad, sizeof(block));
	for (unsigned int i = 0; i < MAC_KEY_LEN; i++)
		block[i] ^= mac_key[i];
	SHA1_Init(sha);
	SHA1_Update(sha, block, sizeof(block));
	secret_wipe(block, sizeof(block));
}

static void key_drop(struct srtp_key *key, enum srtp_class class)
{
	struct cm_state *cm = (void *)key->state;
	struct gcm_state *gcm = (void *)key->state;

	if (class == SRTP_CM) {
		EVP_CIPHER_CTX_free(cm->ctr);
		return;
	}
	EVP_CIPHER_CTX_free(gcm->seal);
	EVP_CIPHER_CTX_free(gcm->open);
}

static int key_set_gcm(struct srtp_key *key, const uint8_t *cipher_key)
{
	const EVP_CIPHER *cipher = key->is_256 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
	struct gcm_state *s = (void *)key->state;

	s->seal = EVP_CIPHER_CTX_new();
	s->open = EVP_CIPHER_CTX_new();
	if (!s->seal || !s->open)
		return -ENOMEM;
	return EVP_EncryptInit_ex(s->seal, cipher, NULL, cipher_key, NULL) == 1 &&
			       EVP_DecryptInit_ex(s->open, cipher, NULL, cipher_key, NULL) == 1
		       ? 0
		       : -EIO;
}

static int key_set(void *self, struct srtp_key *key, enum srtp_class class,
	const uint8_t *cipher_key, const uint8_t *mac_key)
{
	const EVP_CIPHER *cipher = key->is_256 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
	struct cm_state *s = (void *)key->state;

	memset(key->state, 0, key_size(class));
	if (class == SRTP_GCM)
		return key_set_gcm(key, cipher_key);
	s->ctr = EVP_CIPHER_CTX_new();
	if (!s->ctr)
		return -ENOMEM;
	pad_hash(&s->inner, mac_key, 0x36);
	pad_hash(&s->outer, mac_key, 0x5c);
	return EVP_EncryptInit_ex(s->ctr, cipher, NULL, cipher_key, NULL) == 1 ? 0 : -EIO;
}

static void ctr(void *self, struct srtp_job *const *jobs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct srtp_job *j = jobs[i];
		const struct cm_state *s = (const void *)j->key->state;
		uint8_t *text = j->data + j->text_off;
		int len;
		EVP_EncryptInit_ex(s->ctr, NULL, NULL, NULL, j->iv);
		EVP_EncryptUpdate(s->ctr, text, &len, text, (int)j->text_len);
	}
}

static void mac(void *self, struct srtp_job *const *jobs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct srtp_job *j = jobs[i];
		const struct cm_state *s = (const void *)j->key->state;
		uint8_t digest[SHA_DIGEST_LENGTH];
		SHA_CTX sha = s->inner;
		SHA1_Update(&sha, j->data, j->mac_len);
		SHA1_Final(digest, &sha);
		sha = s->outer;
		SHA1_Update(&sha, digest, sizeof(digest));
		SHA1_Final(j->tag, &sha);
	}
}

static void gcm_seal(const struct gcm_state *s, struct srtp_job *j)
{
	uint8_t *text = j->data + j->text_off;
	int len;

	EVP_EncryptInit_ex(s->seal, NULL, NULL, NULL, j->iv);
	EVP_EncryptUpdate(s->seal, NULL, &len, j->aad, (int)j->aad_len);
	EVP_EncryptUpdate(s->seal, text, &len, text, (int)j->text_len);
	EVP_EncryptFinal_ex(s->seal, text, &len);
	EVP_CIPHER_CTX_ctrl(s->seal, EVP_CTRL_GCM_GET_TAG, GCM_TAG_LEN, j->tag);
}

/*
 * The caller compares tags; OpenSSL compares them itself and gives none when it decrypts. So what
 * goes back is the packet's own tag when that is right, and else its opposite.
 */
static void gcm_open(const struct gcm_state *s, struct srtp_job *j)
{
	uint8_t *text = j->data + j->text_off, *tag = text + j->text_len;
	int len;

	EVP_DecryptInit_ex(s->open, NULL, NULL, NULL, j->iv);
	EVP_CIPHER_CTX_ctrl(s->open, EVP_CTRL_GCM_SET_TAG, GCM_TAG_LEN, tag);
	EVP_DecryptUpdate(s->open, NULL, &len, j->aad, (int)j->aad_len);
	EVP_DecryptUpdate(s->open, text, &len, text, (int)j->text_len);
	bool good = EVP_DecryptFinal_ex(s->open, text, &len) == 1;
	for (unsigned int i = 0; i < GCM_TAG_LEN; i++)
		j->tag[i] = good ? tag[i] : (uint8_t)~tag[i];
}

static void gcm(void *self, struct srtp_job *const *jobs, unsigned int n, bool seal)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct gcm_state *s = (const void *)jobs[i]->key->state;
		if (seal)
			gcm_seal(s, jobs[i]);
		else
			gcm_open(s, jobs[i]);
	}
}

const struct srtp_backend srtp_openssl = {
	.name = "OpenSSL",
	.works = works,
	.open = backend_open,
	.close = backend_close,
	.key_size = key_size,
	.key_set = key_set,
	.key_drop = key_drop,
	.ctr = ctr,
	.mac = mac,
	.gcm = gcm,
};
