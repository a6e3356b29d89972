/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from anybody before an access list, as IPv4 and as IPv6: nothing behind the frame's end is
 * looked at (AddressSanitizer: it ends its own block of memory), and what is read as sound is: it
 * lies where the headers say. The same bytes as rules: what acl_check() takes keeps its promises.
 */
#include "dataplane/stages/acl.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ETH 14

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool contains(const uint8_t *frame, uint32_t len, const uint8_t *ports)
{
	for (uint32_t i = 0; i + 4 <= len; i++)
		if (memcmp(frame + i, ports, 4) == 0)
			return true;
	return false;
}

static void check_key(const uint8_t *frame, uint32_t len, uint32_t family)
{
	struct acl_key key;
	enum acl_read result = acl_key_read(frame, len, family, &key);
	static const uint8_t none[16];
	uint8_t ports[4];

	if (len < ETH)
		require(result == ACL_READ_OTHER);
	if (result != ACL_READ_OK)
		return;
	memcpy(ports, key.sport, 2);
	memcpy(ports + 2, key.dport, 2);
	require(!key.zero && !memcmp(key.room, none, 3));
	if (family == 4) {
		require(len >= ETH + 20 && !memcmp(key.src, frame + ETH + 12, 4) &&
			!memcmp(key.dst, frame + ETH + 16, 4) && key.proto == frame[ETH + 9]);
		require(!memcmp(key.src + 4, none, 12) && !memcmp(key.dst + 4, none, 12));
		require(!(key.flags & ACL_KEY_ND));
	} else {
		require(len >= ETH + 40 && !memcmp(key.src, frame + ETH + 8, 16) &&
			!memcmp(key.dst, frame + ETH + 24, 16));
	}
	/* of a later fragment nothing is known that only the first one has */
	if (key.flags & ACL_KEY_LATER)
		require(key.flags == ACL_KEY_LATER && !memcmp(ports, none, 4) && !key.icmp_type &&
			!key.icmp_code);
	require(contains(frame, len, ports) || !memcmp(ports, none, 4));
	require(key.proto == 6 || !(key.flags & ACL_KEY_ESTABLISHED));
	require(key.proto == 1 || key.proto == 58 || (!key.icmp_type && !key.icmp_code));
}

/* The first bytes are number and family, the rest rules. */
static void check_rules(const uint8_t *data, size_t size)
{
	static struct {
		struct dp_acl head;
		struct dp_acl_rule rules[4];
	} acl;

	if (size < 2)
		return;
	memset(&acl, 0, sizeof(acl));
	acl.head.n = data[0] % 5;
	acl.head.family = data[1] & 1 ? 4 : data[1] & 2 ? 6 : data[1];
	memcpy(acl.rules, data + 2, size - 2 < sizeof(acl.rules) ? size - 2 : sizeof(acl.rules));
	if (acl_check(&acl.head) != 0)
		return;
	for (uint32_t i = 0; i < acl.head.n; i++) {
		const struct dp_acl_rule *r = &acl.head.rules[i];
		require(r->seq && (i == 0 || r->seq > acl.head.rules[i - 1].seq));
		require(r->sport_lo <= r->sport_hi && r->dport_lo <= r->dport_hi);
		for (unsigned int k = 0; k < 16; k++)
			require(!(r->src[k] & ~r->src_mask[k]) && !(r->dst[k] & ~r->dst_mask[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size ? size : 1);

	require(frame != NULL);
	if (size)
		memcpy(frame, data, size);
	check_key(frame, (uint32_t)size, 4);
	check_key(frame, (uint32_t)size, 6);
	free(frame);
	check_rules(data, size);
	return 0;
}
