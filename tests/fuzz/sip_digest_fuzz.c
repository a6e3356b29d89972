/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target of Digest challenges: what is taken gives one header line that reads as such a line. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/auth/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest_client client = {0};
	char line[8192];
	struct sip_buf b;
	struct view value = {(const char *)data, size};

	if (memchr(data, '\0', size) || digest_challenge_parse(value, &client.challenge) < 0)
		return 0;
	sip_buf_init(&b, line, sizeof(line));
	digest_client_put(&client, &b, VIEW("INVITE"), VIEW("sip:a@b"), "us\"er", "pass");
	if (b.overflow || b.n < 2 || memcmp(line + b.n - 2, "\r\n", 2) != 0)
		abort();
	if (memchr(line, '\r', b.n - 2) || memchr(line, '\n', b.n - 2))
		abort();
	return 0;
}
