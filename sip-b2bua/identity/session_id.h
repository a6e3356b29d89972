/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Session-ID (RFC 7989): one identifier for a call, the same on both legs and in the record. Each
 * end has a UUID of 32 lower-case hexadecimal digits; the box passes them on and stands in for ends
 * that have none. Pure functions; any thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"

/* The sender's UUID, NUL-terminated. false: the message has none that can be used, or the nil one. */
bool session_id_read(const struct sip_msg *msg, char ret_uuid[CTL_SESSION_ID]);
/* A UUID of version 4 (RFC 4122 4.4) from 128 random bits. */
void session_id_make(const uint64_t random[2], char ret_uuid[CTL_SESSION_ID]);
/* "Session-ID: own;remote=theirs"; theirs empty: nil. own: of the end that the message is from. */
void session_id_put(struct sip_buf *b, const char *own, const char *theirs);
