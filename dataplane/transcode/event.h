/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits as events, whatever carries them: RFC 4733 packets (event_rx, event_tx), tones in the
 * audio (dtmf_rx, dtmf_tx) or SIP INFO. A receiver yields events, a sender takes them, so any can
 * be joined to any; each END is also the report of the digit and its length.
 */
#pragma once

#include <stdint.h>

#define VP_EVENT_DIGITS	 16 /* 0 to 9, *, #, A to D */
#define VP_EVENT_FLASH	 16
#define VP_EVENT_CODES	 17
#define VP_EVENT_VOLUME	 10 /* of who does not know better */
#define VP_EVENT_VOLUMES 63

enum vp_event_what {
	VP_EVENT_START,
	VP_EVENT_END, /* of what was started last; without a start: the whole digit at once */
};

struct vp_event {
	uint8_t what;	      /* enum vp_event_what */
	uint8_t code;	      /* RFC 4733 3.2: 0 to 16 */
	uint8_t volume;	      /* 0 to 63: so many dB below 0 dBm0 */
	uint32_t duration_ms; /* END */
};

/* The code of a digit as SIP INFO and people write it (0-9, *, #, A-D, a-d), or -1. */
static inline int vp_event_code(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'A' && digit <= 'D')
		return digit - 'A' + 12;
	if (digit >= 'a' && digit <= 'd')
		return digit - 'a' + 12;
	return digit == '*' ? 10 : digit == '#' ? 11 : -1;
}

/* The other way; '!' is flash hook, '?' no code at all. */
static inline char vp_event_digit(uint8_t code)
{
	return code < VP_EVENT_CODES ? "0123456789*#ABCD!"[code] : '?';
}
