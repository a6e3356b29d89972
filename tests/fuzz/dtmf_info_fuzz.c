/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the bodies of SIP INFO that bring digits: what is taken is a digit with a length in
 * range, and is read back as the same from what is printed of it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api/dp_api.h"
#include "sip-b2bua/sdp/dtmf_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dtmf_info info, back;
	char text[DTMF_INFO_TEXT_MAX];
	enum dtmf_info_form form;
	struct view printed;

	if (size == 0)
		return 0;
	form = data[0] & 1 ? DTMF_INFO_DTMF : DTMF_INFO_RELAY;
	if (dtmf_info_parse(form, (struct view){(const char *)data + 1, size - 1}, &info) < 0)
		return 0;
	if (!info.digit || !strchr("0123456789*#ABCD!", info.digit) ||
		info.duration_ms < DP_DTMF_MIN_MS || info.duration_ms > DP_DTMF_MAX_MS)
		abort();
	printed = (struct view){text, dtmf_info_print(form, &info, text)};
	if (dtmf_info_parse(form, printed, &back) < 0 || back.digit != info.digit ||
		(form == DTMF_INFO_RELAY && back.duration_ms != info.duration_ms))
		abort();
	return 0;
}
