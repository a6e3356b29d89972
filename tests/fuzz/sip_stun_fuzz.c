/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target of STUN on the SIP port: an answer has the id of its request and says its own length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/transport/sip_stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipaddr remote = {.family = size % 2 ? 4 : 6, .port_be16 = 0x1234};
	char out[STUN_ANSWER_MAX];
	size_t n = stun_answer((const char *)data, size, &remote, out);

	if (n == 0)
		return 0;
	if (n > sizeof(out) || n < 28 || memcmp(out + 4, data + 4, 16) != 0 || out[0] != 1 ||
		(size_t)(uint8_t)out[3] + 20 != n || n % 4 != 0)
		abort();
	return 0;
}
