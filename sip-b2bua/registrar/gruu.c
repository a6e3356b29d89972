/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See gruu.h. */
#include "sip-b2bua/registrar/gruu.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

#define PREFIX VIEW("tgruu.")
#define BLOCK  16

struct reg_gruu {
	const struct sip_token_key *key;
	EVP_CIPHER_CTX *cipher;
	uint32_t count;
};

/* Owner, tag and number, in this order. */
struct content {
	uint64_t owner;
	uint32_t tag, number;
};

static const char alphabet[32] = "abcdefghijklmnopqrstuvwxyz234567";

struct reg_gruu *reg_gruu_new(const struct sip_token_key *key, uint32_t count)
{
	struct reg_gruu *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	*g = (struct reg_gruu){.key = key, .cipher = EVP_CIPHER_CTX_new(), .count = count};
	if (g->cipher)
		return g;
	free(g);
	return NULL;
}

void reg_gruu_free(struct reg_gruu *g)
{
	if (!g)
		return;
	EVP_CIPHER_CTX_free(g->cipher);
	free(g);
}

uint32_t reg_gruu_tag(const struct reg_contact *c)
{
	static const uint64_t key[2] = {0x6c696d656e2d6772, 0x7575732d74616773};
	struct view instance = reg_contact_text(c, REG_INSTANCE),
		    call_id = reg_contact_text(c, REG_CALL_ID);
	bool flow = c->flags & REG_OUTBOUND;
	uint64_t parts[3] = {siphash24(key, instance.p, instance.n), c->since_ms,
		flow ? 0 : siphash24(key, call_id.p, call_id.n)};

	return (uint32_t)siphash24(key, parts, sizeof(parts));
}

/* One block: the same in, the same out, so the number is what makes it another one. */
static int block_turn(struct reg_gruu *g, bool seal, const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	uint64_t words[2];
	uint8_t key[BLOCK];
	int n = 0, rc;

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t parts[3] = {g->key->mac[0], g->key->mac[1], i};

		words[i] = siphash24(g->key->pad, parts, sizeof(parts));
	}
	memcpy(key, words, sizeof(key));
	rc = EVP_CipherInit_ex(g->cipher, EVP_aes_128_ecb(), NULL, key, NULL, seal) == 1 &&
			     EVP_CIPHER_CTX_set_padding(g->cipher, 0) == 1 &&
			     EVP_CipherUpdate(g->cipher, out, &n, in, BLOCK) == 1 && n == BLOCK
		     ? 0
		     : -EIO;
	secret_wipe(key, sizeof(key));
	secret_wipe(words, sizeof(words));
	return rc;
}

int reg_gruu_print(struct reg_gruu *g, const struct reg_contact *c, char ret_user[REG_GRUU_LEN])
{
	struct content content = {c->aor->hash, reg_gruu_tag(c), g->count++};
	uint8_t block[BLOCK];
	unsigned int bits = 0, n_bits = 0;
	char *p = ret_user + PREFIX.n;
	int rc;

	_Static_assert(sizeof(struct content) == BLOCK, "one block");
	rc = block_turn(g, true, (const uint8_t *)&content, block);
	if (rc < 0)
		return rc;
	memcpy(ret_user, PREFIX.p, PREFIX.n);
	for (unsigned int i = 0; i < BLOCK; i++) {
		bits = bits << 8 | block[i];
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*p++ = alphabet[bits >> (n_bits - 5) & 31];
	}
	*p++ = alphabet[bits << (5 - n_bits) & 31];
	return 0;
}

static int digit(char c)
{
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

int reg_gruu_parse(struct reg_gruu *g, struct view user, uint64_t *ret_owner, uint32_t *ret_tag)
{
	uint8_t block[BLOCK];
	struct content content;
	unsigned int bits = 0, n_bits = 0, n = 0;

	if (user.n != REG_GRUU_LEN || !view_eq_nocase((struct view){user.p, PREFIX.n}, PREFIX))
		return -ENOENT;
	for (size_t i = PREFIX.n; i < user.n; i++) {
		int d = digit(user.p[i]);

		if (d < 0)
			return -ENOENT;
		bits = bits << 5 | (unsigned int)d;
		n_bits += 5;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		block[n++] = (uint8_t)(bits >> n_bits);
	}
	/* Two bits are left over; one text for one block. */
	if (n != BLOCK || (bits & 3) != 0)
		return -ENOENT;
	if (block_turn(g, false, block, (uint8_t *)&content) < 0)
		return -ENOENT;
	*ret_owner = content.owner;
	*ret_tag = content.tag;
	return 0;
}

struct view reg_gruu_choice(uint32_t tag, char buf[REG_GRUU_CHOICE])
{
	buf[0] = '\0';
	memcpy(buf + 1, &tag, sizeof(tag));
	return (struct view){buf, REG_GRUU_CHOICE};
}

bool reg_gruu_chosen(struct view choice, uint32_t *ret_tag)
{
	if (choice.n != REG_GRUU_CHOICE || choice.p[0] != '\0')
		return false;
	memcpy(ret_tag, choice.p + 1, sizeof(*ret_tag));
	return true;
}
