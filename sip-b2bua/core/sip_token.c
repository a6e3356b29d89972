/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens; see sip_token.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "sip-b2bua/core/sip_token.h"

#include "controlplane/base/siphash.h"

static uint64_t hash_u64(const uint64_t key[2], uint64_t value)
{
	value = htole64(value);
	return siphash24(key, &value, sizeof(value));
}

void sip_token_key_set(struct sip_token_key *key, const uint8_t secret[SIP_TOKEN_KEY])
{
	uint64_t words[4];
	memcpy(words, secret, sizeof(words));
	key->mac[0] = le64toh(words[0]);
	key->mac[1] = le64toh(words[1]);
	key->pad[0] = le64toh(words[2]);
	key->pad[1] = le64toh(words[3]);
}

/* kind 4 bits, worker 8, index 24, generation 28 */
static uint64_t token_pack(const struct sip_token *t)
{
	return (uint64_t)t->kind << 60 | (uint64_t)t->worker << 52 |
	       (uint64_t)(t->index & SIP_TOKEN_INDEX_MAX) << 28 |
	       (t->generation & SIP_TOKEN_GEN_MASK);
}

static const char alphabet[32] = "abcdefghijklmnopqrstuvwxyz234567";

struct view sip_token_print(
	const struct sip_token_key *key, const struct sip_token *token, char buf[SIP_TOKEN_LEN])
{
	uint64_t content = token_pack(token);
	uint64_t mac = hash_u64(key->mac, content);
	uint64_t hidden = content ^ hash_u64(key->pad, mac);
	/* 128 bits as 26 digits of 5: 12 from each word and 2 of 4+1 and 3 bits between them. */
	for (unsigned int i = 0; i < 12; i++) {
		buf[i] = alphabet[hidden >> (59 - 5 * i) & 31];
		buf[14 + i] = alphabet[mac >> (55 - 5 * i) & 31];
	}
	buf[12] = alphabet[(hidden & 15) << 1 | mac >> 63];
	buf[13] = alphabet[mac >> 60 & 7];
	return (struct view){buf, SIP_TOKEN_LEN};
}

/* Of a digit of the alphabet, in either case, its value and this flag. */
#define DIGIT 0x80

#define VALUE(c)                                                      \
	((c) >= '2' && (c) <= '7'	   ? DIGIT | ((c) - '2' + 26) \
		: (c) >= 'a' && (c) <= 'z' ? DIGIT | ((c) - 'a')      \
		: (c) >= 'A' && (c) <= 'Z' ? DIGIT | ((c) - 'A')      \
					   : 0)
#define VALUE4(c)  VALUE(c), VALUE((c) + 1), VALUE((c) + 2), VALUE((c) + 3)
#define VALUE16(c) VALUE4(c), VALUE4((c) + 4), VALUE4((c) + 8), VALUE4((c) + 12)

static const uint8_t digit_values[256] = {VALUE16(0), VALUE16(0x10), VALUE16(0x20), VALUE16(0x30),
	VALUE16(0x40), VALUE16(0x50), VALUE16(0x60), VALUE16(0x70)};

int sip_token_parse(const struct sip_token_key *key, struct view text, struct sip_token *ret_token)
{
	uint64_t hidden = 0, mac = 0;
	if (text.n != SIP_TOKEN_LEN)
		return -EINVAL;
	uint8_t middle = digit_values[(uint8_t)text.p[12]], low = digit_values[(uint8_t)text.p[13]];
	uint8_t all = middle & low;
	for (unsigned int i = 0; i < 12; i++) {
		uint8_t h = digit_values[(uint8_t)text.p[i]];
		uint8_t m = digit_values[(uint8_t)text.p[14 + i]];
		all &= h & m;
		hidden = hidden << 5 | (h & 31);
		mac = mac << 5 | (m & 31);
	}
	if (!(all & DIGIT) || (low & 31) > 7)
		return -EINVAL;
	hidden = hidden << 4 | (middle & 31) >> 1;
	mac |= (uint64_t)middle << 63 | (uint64_t)(low & 31) << 60;
	uint64_t content = hidden ^ hash_u64(key->pad, mac);
	if (hash_u64(key->mac, content) != mac)
		return -EINVAL;
	*ret_token = (struct sip_token){.kind = (uint8_t)(content >> 60),
		.worker = (uint8_t)(content >> 52),
		.index = (uint32_t)(content >> 28) & SIP_TOKEN_INDEX_MAX,
		.generation = (uint32_t)content & SIP_TOKEN_GEN_MASK};
	return 0;
}

struct view sip_token_branch(
	const struct sip_token_key *key, const struct sip_token *token, char buf[SIP_BRANCH_LEN])
{
	memcpy(buf, SIP_BRANCH_MAGIC, 7);
	(void)sip_token_print(key, token, buf + 7);
	return (struct view){buf, SIP_BRANCH_LEN};
}

int sip_token_parse_branch(
	const struct sip_token_key *key, struct view branch, struct sip_token *ret_token)
{
	struct view magic = {branch.p, 7};
	if (branch.n != SIP_BRANCH_LEN || !view_eq_nocase(magic, VIEW(SIP_BRANCH_MAGIC)))
		return -EINVAL;
	return sip_token_parse(key, (struct view){branch.p + 7, SIP_TOKEN_LEN}, ret_token);
}
