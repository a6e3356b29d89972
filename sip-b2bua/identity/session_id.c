/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/identity/session_id.h"

#include <string.h>

#define UUID_LEN 32
static const char nil[] = "00000000000000000000000000000000";

_Static_assert(CTL_SESSION_ID > UUID_LEN, "a UUID and its NUL");

bool session_id_read(const struct sip_msg *msg, char ret_uuid[CTL_SESSION_ID])
{
	struct view value = sip_msg_value(msg, SIP_H_SESSION_ID);
	char uuid[UUID_LEN + 1] = "";

	/* Some write it in capitals; it is passed on as RFC 7989 5 has it. */
	for (size_t i = 0; i < UUID_LEN; i++) {
		char c = i < value.n ? value.p[i] : '\0';

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		uuid[i] = c;
	}
	if (value.n > UUID_LEN && !strchr("; \t", value.p[UUID_LEN]))
		return false;
	if (strcmp(uuid, nil) == 0)
		return false;
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

void session_id_make(const uint64_t random[2], char ret_uuid[CTL_SESSION_ID])
{
	uint64_t hi = (random[0] & ~(uint64_t)0xf000) | 0x4000;
	uint64_t lo = (random[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;

	for (unsigned int i = 0; i < 16; i++) {
		ret_uuid[i] = "0123456789abcdef"[hi >> (60 - 4 * i) & 15];
		ret_uuid[16 + i] = "0123456789abcdef"[lo >> (60 - 4 * i) & 15];
	}
	ret_uuid[32] = '\0';
}

void session_id_put(struct sip_buf *b, const char *own, const char *theirs)
{
	sip_put_hdr_start(b, SIP_H_SESSION_ID);
	sip_put(b, view_of(own[0] ? own : nil));
	sip_put_lit(b, ";remote=");
	sip_put(b, view_of(theirs[0] ? theirs : nil));
	sip_put_crlf(b);
}
