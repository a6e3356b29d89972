/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of messages: framing, parsing, every typed access, and the answer built from what
 * parsed, which must parse again and give the same transaction.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_oc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg msg, answer;
static char out[4 * SIP_MSG_MAX];

static void inside(struct view v)
{
	if (v.p != NULL && v.n > 0 && (v.p < msg.raw.p || v.p + v.n > msg.raw.p + msg.raw.n))
		abort();
}

static void typed_access(void)
{
	struct sip_values it;
	struct view value, subtype, params;
	struct sip_addr addr;
	struct sip_via via;
	struct sip_rack rack;
	uint32_t seconds;
	struct sip_oc oc;
	for (unsigned int id = 1; id < SIP_H_N; id++) {
		if (msg.first[id] == SIP_NONE)
			continue;
		sip_values_start(&it, &msg, id);
		while (sip_values_next(&it, &value)) {
			inside(value);
			(void)!sip_addr_parse(value, &addr);
			(void)!sip_via_parse(value, &via);
		}
		(void)!sip_msg_seconds(&msg, id, &seconds);
		(void)sip_msg_has_token(&msg, id, VIEW("timer"));
	}
	(void)!sip_msg_contact(&msg, &addr);
	(void)!sip_msg_rack(&msg, &rack);
	(void)!sip_msg_rseq(&msg, &seconds);
	(void)!sip_msg_content_type(&msg, &value, &subtype, &params);
	(void)sip_msg_is_sdp(&msg);
	(void)!sip_oc_read(msg.via.params, true, &oc);
	(void)sip_msg_hdr_named(&msg, VIEW("X-Nothing"));
	inside(msg.body);
	inside(msg.call_id);
	inside(msg.via.branch);
	inside(msg.from.tag);
	inside(msg.to.tag);
}

static void answer_build(bool parsed)
{
	struct ipaddr source = {.family = 4, .port_be16 = 0x1234, .ip = {192, 0, 2, 1}};
	struct sip_buf b;
	sip_buf_init(&b, out, sizeof(out));
	sip_build_response(&b, &msg, &source, 400, VIEW(""), VIEW("tag"));
	if (sip_build_end(&b, VIEW(""), VIEW("")) != 0)
		abort();
	/* Filling in received and rport may push a message over a limit; else it must hold. */
	if (sip_msg_parse(&answer, b.p, b.n, false) != 0) {
		if (parsed && msg.raw.n < SIP_LINE_MAX / 2)
			abort();
		return;
	}
	if (parsed && (!view_eq(answer.via.branch, msg.via.branch) ||
			      answer.cseq.number != msg.cseq.number ||
			      !view_eq(answer.from.tag, msg.from.tag)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	const char *text = (const char *)data;
	int framed = sip_msg_frame(text, size, &len);
	if (framed == 0 && len <= size && sip_msg_parse(&msg, text, len, true) == 0 &&
		msg.raw.n != len)
		abort(); /* both views of one stream must end at the same octet */
	int rc = sip_msg_parse(&msg, text, size, false);
	if ((rc == 0) != (msg.error == NULL))
		abort();
	typed_access();
	if (msg.is_request && (rc == 0 || msg.answerable))
		answer_build(rc == 0);
	return 0;
}
