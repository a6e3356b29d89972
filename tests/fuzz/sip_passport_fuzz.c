/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The value of an Identity header field, as strangers send it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/identity/passport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	const char *reason = NULL;
	struct passport p;

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (passport_read((struct view){text, size}, &p, &reason) == 0) {
		if (p.n_dest == 0 || p.n_dest > PASSPORT_TNS_MAX || !strchr("ABC", p.attest) ||
			memchr(p.x5u, '\0', sizeof(p.x5u)) == NULL || p.signed_text.n > size)
			abort();
	} else if (!reason || !reason[0]) {
		abort();
	}
	free(text);
	return 0;
}
