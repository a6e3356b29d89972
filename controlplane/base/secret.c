/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and tokens: wiping, comparing, drawing; see secret.h. */
#include "controlplane/base/secret.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void secret_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

void secret_free(void *p, size_t n)
{
	if (p != NULL)
		secret_wipe(p, n);
	free(p);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < n; i++) {
		differ |= x[i] ^ y[i];
		/* Keeps the compiler from leaving the loop at the first difference. */
		__asm__ volatile("" : "+r"(differ));
	}
	return differ == 0;
}

void secret_random(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "the kernel gives no random numbers: %s\n",
				strerror(errno));
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}
