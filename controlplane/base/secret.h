/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handling of keys and tokens. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Overwrites memory in a way the compiler may not remove. */
void secret_wipe(void *p, size_t n);
/* Wipes and frees; p may be NULL. For copies of messages, too: SDP carries SRTP keys. */
void secret_free(void *p, size_t n);
/* Comparison whose time does not depend on the contents. */
bool secret_equal(const void *a, const void *b, size_t n);
/* Fills from the kernel's generator; a failure stops the process (there is no way to go on). */
void secret_random(void *p, size_t n);
