/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of Digest credentials: whatever is taken can be verified, and is never right when it was
 * not made with our nonce and password.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/auth/digest_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct digest_server *server;
	static const struct ipaddr source = {.family = 4, .ip = {192, 0, 2, 1}};
	struct digest_credentials c;
	struct digest_try attempt = {.method = VIEW("REGISTER"),
		.hashes = DIGEST_HASHES_ALL,
		.realm = "r",
		.username = "u",
		.password = "p",
		.source = &source,
		.known_source = true};
	struct view value = {(const char *)data, size};
	char name[32];

	if (!server && !(server = digest_server_new(1)))
		abort();
	if (digest_credentials_parse(value, &c) < 0)
		return 0;
	if (digest_credentials_username(&c, name, sizeof(name)) == 0 && strlen(name) > c.username.n)
		abort();
	if (digest_server_verify(server, &c, &attempt) == DIGEST_OK)
		abort();
	return 0;
}
