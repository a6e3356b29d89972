/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outcome, sums and JSON form of a call record; see record.h. */
#include "controlplane/records/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controlplane/api/rec_name.h"
#include "controlplane/base/view.h"
#include "controlplane/quality/quality.h"
#include "controlplane/records/json_out.h"

enum record_outcome record_outcome(const struct ctl_call *call)
{
	uint32_t status = call->sip_status;

	if (call->answer_ms != 0)
		return RECORD_ANSWERED;
	if (status == 486 || status == 600)
		return RECORD_BUSY;
	if (status == 487 && call->released_by == CTL_BY_CALLER)
		return RECORD_CANCELLED;
	if (status == 408 || status == 480 || status == 487)
		return RECORD_NO_ANSWER;
	switch (status / 100) {
	case 3:
		return RECORD_REDIRECTED;
	case 4:
	case 6:
		return RECORD_REFUSED;
	case 5:
		return RECORD_FAILED;
	default:
		return RECORD_NO_FINAL;
	}
}

const char *record_outcome_word(enum record_outcome outcome)
{
	static const char *const words[] = {
#define X(sym, word, text) word,
		RECORD_OUTCOMES(X)
#undef X
	};
	return (unsigned int)outcome < RECORD_OUTCOME_N ? words[outcome] : "?";
}

void record_count(struct record_totals *totals, enum record_outcome outcome, uint64_t duration_ms)
{
	totals->n++;
	totals->by_outcome[outcome]++;
	totals->answered_ms += duration_ms;
}

/* What a far end says is of the moment: the later word counts, and the longest round trip. */
static void far_add(struct dp_far_sum *far, const struct dp_far_sum *more)
{
	struct dp_far_sum before = *far;

	if (more->xr_reports != 0)
		*far = *more;
	if (more->reports != 0 || more->xr_reports != 0) {
		const struct dp_far_sum *said = more->reports != 0 ? more : &before;
		far->fraction_lost = said->fraction_lost;
		far->lost = said->lost;
		far->jitter_us = said->jitter_us;
	}
	far->reports = before.reports + more->reports;
	far->xr_reports = before.xr_reports + more->xr_reports;
	far->rtt_us = more->rtt_us != 0 ? more->rtt_us : before.rtt_us;
	far->max_rtt_us = more->max_rtt_us > before.max_rtt_us ? more->max_rtt_us
							       : before.max_rtt_us;
}

void record_sum_add(struct dp_stream_sum *sum, const struct dp_stream_sum *more)
{
	sum->rx_packets += more->rx_packets;
	sum->rx_octets += more->rx_octets;
	sum->tx_packets += more->tx_packets;
	sum->tx_octets += more->tx_octets;
	sum->lost += more->lost;
	sum->rtcp_packets += more->rtcp_packets;
	sum->dropped += more->dropped;
	sum->ssrc_changes += more->ssrc_changes;
	if (more->jitter_us > sum->jitter_us)
		sum->jitter_us = more->jitter_us;
	if (more->max_jitter_us > sum->max_jitter_us)
		sum->max_jitter_us = more->max_jitter_us;
	if (sum->ssrc == 0)
		sum->ssrc = more->ssrc;
	if (!ipaddr_is_set(&sum->latched))
		sum->latched = more->latched;
	if (more->last_rx_ago_ms < sum->last_rx_ago_ms)
		sum->last_rx_ago_ms = more->last_rx_ago_ms;
	if (sum->first_rx_ago_ms == UINT64_MAX ||
		(more->first_rx_ago_ms != UINT64_MAX &&
			more->first_rx_ago_ms > sum->first_rx_ago_ms))
		sum->first_rx_ago_ms = more->first_rx_ago_ms;
	sum->duplicates += more->duplicates;
	sum->reordered += more->reordered;
	sum->too_late += more->too_late;
	sum->bursts += more->bursts;
	sum->burst_packets += more->burst_packets;
	sum->burst_lost += more->burst_lost;
	sum->gap_lost += more->gap_lost;
	sum->loss_runs += more->loss_runs;
	if (more->frame_us != 0)
		sum->frame_us = more->frame_us;
	far_add(&sum->far, &more->far);
}

uint32_t record_source_add(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static const char *transport_word(uint32_t transport)
{
	static const char *const words[] = {"", "udp", "tcp", "tls", "ws", "wss"};

	return transport < sizeof(words) / sizeof(words[0]) ? words[transport] : "";
}

static const char *released_word(uint32_t by)
{
	static const char *const words[] = {"", "caller", "called", "box", "operator"};
	return by < sizeof(words) / sizeof(words[0]) ? words[by] : "";
}

static const char *source_word(uint32_t source)
{
	static const char *const words[] = {"none", "dataplane", "segment", "unknown"};
	return source < sizeof(words) / sizeof(words[0]) ? words[source] : "unknown";
}

static void put_digits(char *p, unsigned int n, unsigned int value)
{
	while (n > 0) {
		p[--n] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* "2026-01-31T23:59:59.999Z"; what did not happen is null, in both forms. */
static void print_time(struct json_out *out, const char *key, const char *key_ms, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[48];

	jout_key(out, key);
	if (ms == 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 8000) {
		jout_null(out);
	} else {
		memcpy(text, "0000-00-00T00:00:00.000Z", 25);
		put_digits(text, 4, (unsigned int)tm.tm_year + 1900);
		put_digits(text + 5, 2, (unsigned int)tm.tm_mon + 1);
		put_digits(text + 8, 2, (unsigned int)tm.tm_mday);
		put_digits(text + 11, 2, (unsigned int)tm.tm_hour);
		put_digits(text + 14, 2, (unsigned int)tm.tm_min);
		put_digits(text + 17, 2, (unsigned int)tm.tm_sec);
		put_digits(text + 20, 3, (unsigned int)(ms % 1000));
		jout_str(out, text);
	}
	jout_key(out, key_ms);
	if (ms == 0)
		jout_null(out);
	else
		jout_u64(out, ms);
}

static void print_span(struct json_out *out, const char *key, uint64_t from_ms, uint64_t to_ms)
{
	jout_key(out, key);
	if (from_ms == 0 || to_ms == 0)
		jout_null(out);
	else
		jout_u64(out, to_ms > from_ms ? to_ms - from_ms : 0);
}

/* A figure in thousandths of its unit; null when it is not known. */
static void key_milli(struct json_out *out, const char *key, uint32_t value)
{
	jout_key(out, key);
	if (value == QUALITY_UNKNOWN_U32)
		jout_null(out);
	else
		jout_milli(out, value);
}

static void key_u32(struct json_out *out, const char *key, uint32_t value)
{
	jout_key(out, key);
	if (value == QUALITY_UNKNOWN_U32)
		jout_null(out);
	else
		jout_u64(out, value);
}

/* Millionths as percent. */
static void key_percent(struct json_out *out, const char *key, uint32_t ppm)
{
	key_milli(out, key, ppm == QUALITY_UNKNOWN_U32 ? ppm : ppm / 10);
}

static uint32_t or_unknown(uint32_t value)
{
	return value != 0 ? value : QUALITY_UNKNOWN_U32;
}

static void print_score(struct json_out *out, const struct quality_score *score)
{
	jout_key_str(out, "mos_source", quality_source_word(score->source));
	key_milli(out, "r", score->r != 0 ? score->r * 10 : QUALITY_UNKNOWN_U32);
	key_milli(out, "mos_lq", score->mos_lq != 0 ? score->mos_lq * 10 : QUALITY_UNKNOWN_U32);
	key_milli(out, "mos_cq", score->mos_cq != 0 ? score->mos_cq * 10 : QUALITY_UNKNOWN_U32);
}

/* What the leg's far end says that it gets. */
static void print_far(
	struct json_out *out, const struct dp_far_sum *far, const struct quality_score *score)
{
	bool known = far->reports != 0;

	jout_key(out, "far_end");
	jout_open(out, '{');
	jout_key_u64(out, "reports", far->reports);
	jout_key(out, "lost");
	if (known)
		jout_i64(out, far->lost);
	else
		jout_null(out);
	key_milli(out, "last_loss_percent",
		known ? far->fraction_lost * 100000 / 256 : QUALITY_UNKNOWN_U32);
	key_milli(out, "jitter_ms", known ? far->jitter_us : QUALITY_UNKNOWN_U32);
	jout_key_u64(out, "xr_reports", far->xr_reports);
	print_score(out, score);
	jout_close(out, '}');
}

static void print_bursts(
	struct json_out *out, const struct dp_stream_sum *sum, const struct quality_leg *q)
{
	jout_key(out, "bursts");
	jout_open(out, '{');
	jout_key_u64(out, "n", sum->bursts);
	key_u32(out, "mean_ms", q->burst_ms);
	key_percent(out, "loss_percent", q->burst_ppm);
	key_u32(out, "gap_mean_ms", q->gap_ms);
	key_percent(out, "gap_loss_percent", q->gap_ppm);
	jout_close(out, '}');
}

/* What was received from one leg and what of it was sent on to the other. */
static void print_media(
	struct json_out *out, const struct dp_stream_sum *sum, const struct quality_leg *q)
{
	char addr[IPADDR_TEXT_MAX];

	jout_key(out, "media");
	jout_open(out, '{');
	jout_key_u64(out, "packets", sum->rx_packets);
	jout_key_u64(out, "octets", sum->rx_octets);
	jout_key_u64(out, "sent_packets", sum->tx_packets);
	jout_key_u64(out, "sent_octets", sum->tx_octets);
	jout_key_u64(out, "lost", sum->lost);
	key_percent(out, "loss_percent", q->loss_ppm);
	jout_key_u64(out, "duplicates", sum->duplicates);
	jout_key_u64(out, "reordered", sum->reordered);
	jout_key_u64(out, "too_late", sum->too_late);
	jout_key(out, "jitter_ms");
	jout_milli(out, sum->jitter_us);
	key_milli(out, "mean_jitter_ms", q->mean_jitter_us);
	jout_key(out, "max_jitter_ms");
	jout_milli(out, sum->max_jitter_us);
	key_milli(out, "packet_ms", or_unknown(sum->frame_us));
	print_bursts(out, sum, q);
	print_score(out, &q->heard);
	key_milli(out, "rtt_ms", or_unknown(sum->far.rtt_us));
	key_milli(out, "max_rtt_ms", or_unknown(sum->far.max_rtt_us));
	print_far(out, &sum->far, &q->far);
	jout_key_u64(out, "rtcp_packets", sum->rtcp_packets);
	jout_key_u64(out, "dropped", sum->dropped);
	jout_key_u64(out, "ssrc_changes", sum->ssrc_changes);
	jout_key_str(out, "latched",
		ipaddr_is_set(&sum->latched) ? ipaddr_print_port(&sum->latched, addr) : "");
	jout_close(out, '}');
}

static const char *srtp_note_words(uint8_t note)
{
	static const char *const words[] = {
#define X(sym, text) text,
		CTL_SRTP_NOTES(X)
#undef X
	};
	return note < CTL_SRTP_N_NOTES ? words[note] : "";
}

static const char *keying_word(uint8_t keying)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_KEYINGS(X)
#undef X
	};
	return keying < CTL_N_KEYINGS ? words[keying] : "";
}

static const char *dtmf_word(uint8_t way)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_DTMF_WAYS(X)
#undef X
	};
	return way < CTL_DTMF_N_WAYS ? words[way] : "";
}

/* The suite, or "off". */
static const char *srtp_word(uint8_t suite)
{
	return suite != DP_SRTP_NONE && suite < DP_SRTP_N ? dp_srtp_suite(suite)->name : "off";
}

static void print_leg(struct json_out *out, const struct record *record, unsigned int leg)
{
	const struct ctl_call *call = &record->call;
	const struct ipaddr *peer = &call->peer_sig[leg];
	char addr[IPADDR_TEXT_MAX];

	jout_open(out, '{');
	jout_key_str(out, "side", leg == 0 ? "caller" : "called");
	jout_key_str(out, "realm", call->realm[leg]);
	jout_key_str(out, "trunk", call->trunk[leg]);
	jout_key(out, "dial_peer");
	uint32_t tag = leg == 0 ? call->dial_peer_in : call->dial_peer_out;
	if (tag != 0)
		jout_u64(out, tag);
	else
		jout_null(out);
	jout_key_str(out, "calling", call->calling[leg]);
	jout_key_str(out, "called", call->called[leg]);
	jout_key_str(out, "sip_call_id", call->sip_call_id[leg]);
	jout_key_str(out, "session_id", call->session_id[leg]);
	jout_key_str(out, "transport", transport_word(call->transport[leg]));
	jout_key_str(out, "peer", ipaddr_is_set(peer) ? ipaddr_print_port(peer, addr) : "");
	jout_key_str(out, "codec", call->codec[leg]);
	jout_key_str(out, "dtmf_relay", dtmf_word(call->dtmf[leg]));
	jout_key_u64(out, "dtmf_digits", call->digits[leg]);
	jout_key_str(out, "srtp", srtp_word(call->srtp[leg]));
	jout_key_str(out, "srtp_keying", keying_word(call->srtp_keying[leg]));
	jout_key_str(out, "srtp_note", srtp_note_words(call->srtp_note[leg]));
	print_media(out, &record->from[leg], &record->quality.leg[leg]);
	jout_close(out, '}');
}

/* Why it was refused, where a limit did that. */
static void print_limit(struct json_out *out, const struct ctl_call *call)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_LIMITS(X)
#undef X
	};

	jout_key_str(out, "limit", call->limit < CTL_LIMIT_N ? words[call->limit] : "");
	jout_key(out, "toll_alarm");
	jout_bool(out, call->toll_alarm != 0);
}

/* Null: the box had no REFER to act on. */
static void print_transfer(struct json_out *out, const struct ctl_call *call)
{
	static const char *const texts[] = {
#define X(sym, text) text,
		CTL_TRANSFERS(X)
#undef X
	};
	char id[20];

	jout_key(out, "transfer");
	if (call->transfer == CTL_TRANSFER_NONE || call->transfer >= CTL_TRANSFER_N) {
		jout_null(out);
		return;
	}
	jout_open(out, '{');
	jout_key_str(out, "what", texts[call->transfer]);
	snprintf(id, sizeof(id), "%016" PRIx64, call->transfer_call);
	jout_key_str(out, "call", call->transfer_call ? id : "");
	jout_close(out, '}');
}

/* Null: nobody was asked to sign or check. */
static void print_stir(struct json_out *out, const struct ctl_call *call)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_STIR_VERDICTS(X)
#undef X
	};
	static const char *const keys[] = {"attestation", "signed"};

	jout_key(out, "stir");
	if (call->stir_verdict == CTL_STIR_NONE && !call->stir_attest[1]) {
		jout_null(out);
		return;
	}
	jout_open(out, '{');
	jout_key_str(out, "verdict",
		call->stir_verdict < CTL_STIR_N_VERDICTS ? words[call->stir_verdict] : "");
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		char text[2] = {(char)call->stir_attest[leg], '\0'};

		jout_key_str(out, keys[leg], text);
	}
	jout_close(out, '}');
}

#define PARTS_MAX 8 /* whose files are named */

/* Files of its recording, and why there are not all; null: it was not recorded. */
static void print_recording(struct json_out *out, const struct record_recording *recording)
{
	char name[CTL_REC_FILE_MAX];
	const char *note = "";

	jout_key(out, "recording");
	if (recording->n == 0) {
		jout_null(out);
		return;
	}
	jout_open(out, '{');
	jout_key(out, "files");
	jout_open(out, '[');
	for (uint32_t i = 0; i < recording->n && i < RECORD_RECORDINGS_MAX; i++) {
		const struct ctl_rec_status *s = &recording->line[i];
		for (uint32_t part = 1; part <= s->parts && part <= PARTS_MAX; part++) {
			for (unsigned int track = 0; track < CTL_REC_N_TRACKS; track++) {
				ctl_rec_file(s, part, track, name);
				if (name[0] != '\0')
					jout_str(out, name);
			}
		}
		if (note[0] == '\0')
			note = s->note;
	}
	jout_close(out, ']');
	jout_key(out, "note");
	if (note[0] != '\0')
		jout_str(out, note);
	else
		jout_null(out);
	jout_close(out, '}');
}

size_t record_print(const struct record *record, const char *node, char *buf, size_t size)
{
	const struct ctl_call *call = &record->call;
	struct json_out out;
	char id[24];

	jout_init(&out, buf, size);
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)call->id);
	jout_open(&out, '{');
	jout_key_u64(&out, "schema", RECORD_SCHEMA);
	jout_key_str(&out, "id", id);
	jout_key_str(&out, "node", node);
	jout_key_str(&out, "outcome", record_outcome_word(record_outcome(call)));
	print_time(&out, "invite", "invite_ms", call->invite_ms);
	print_time(&out, "ringing", "ringing_ms", call->ringing_ms);
	print_time(&out, "answer", "answer_ms", call->answer_ms);
	print_time(&out, "end", "end_ms", call->end_ms);
	/* Post-dial delay: until it rang, or was answered without ringing. */
	print_span(&out, "pdd_ms", call->invite_ms,
		call->ringing_ms != 0 ? call->ringing_ms : call->answer_ms);
	print_span(&out, "duration_ms", call->answer_ms, call->end_ms);
	jout_key_u64(&out, "sip_status", call->sip_status);
	jout_key(&out, "q850");
	if (call->q850 != 0)
		jout_u64(&out, call->q850);
	else
		jout_null(&out);
	jout_key_str(&out, "released_by", released_word(call->released_by));
	jout_key_str(&out, "reason", call->reason);
	jout_key_str(&out, "codec", call->codec[0]);
	jout_key(&out, "transcoded");
	jout_bool(&out, call->transcoded);
	print_limit(&out, call);
	print_stir(&out, call);
	print_transfer(&out, call);
	jout_key(&out, "target");
	if (call->target[0] != '\0')
		jout_str(&out, call->target);
	else
		jout_null(&out);
	jout_key_u64(&out, "media_lines", record->n_media);
	jout_key_str(&out, "media_source", source_word(record->source));
	jout_key(&out, "verdict");
	if (record->quality.verdict[0] != '\0')
		jout_str(&out, record->quality.verdict);
	else
		jout_null(&out);
	key_u32(&out, "delay_ms", record->quality.delay_ms);
	print_recording(&out, &record->recording);
	jout_key(&out, "legs");
	jout_open(&out, '[');
	print_leg(&out, record, 0);
	if (call->target[0] == '\0' || call->realm[1][0] != '\0')
		print_leg(&out, record, 1);
	jout_close(&out, ']');
	jout_close(&out, '}');
	jout_newline(&out);
	return out.overflow ? 0 : out.n;
}

int record_line_id(const char *line, size_t len, uint64_t *ret_id)
{
	static const char head[] = "{\"schema\":1,\"id\":\"";
	const size_t head_len = sizeof(head) - 1;
	uint64_t id = 0;

	if (len < head_len + 17 || memcmp(line, head, head_len) != 0 || line[head_len + 16] != '"')
		return -EINVAL;
	for (size_t i = 0; i < 16; i++) {
		char c = line[head_len + i];
		uint64_t digit;
		if (c >= '0' && c <= '9')
			digit = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint64_t)(c - 'a' + 10);
		else
			return -EINVAL;
		id = id << 4 | digit;
	}
	*ret_id = id;
	return 0;
}

/* What follows a key. In a string its quotes would be escaped, so the first one is the key. */
static struct view after_key(const char *line, size_t len, const char *key)
{
	const char *p = memmem(line, len, key, strlen(key));

	if (p == NULL)
		return (struct view){0};
	p += strlen(key);
	return (struct view){p, len - (size_t)(p - line)};
}

static size_t length_until(struct view v, const char *ends)
{
	size_t n = 0;

	while (n < v.n && strchr(ends, v.p[n]) == NULL)
		n++;
	return n;
}

int record_line_outcome(
	const char *line, size_t len, enum record_outcome *ret_outcome, uint64_t *ret_duration_ms)
{
	struct view word = after_key(line, len, "\"outcome\":\"");
	struct view duration = after_key(line, len, "\"duration_ms\":");
	uint64_t ms = 0;

	word.n = length_until(word, "\"");
	duration.n = length_until(duration, ",}");
	if (!view_eq(duration, VIEW("null")) && view_to_u64(duration, UINT64_MAX, &ms) < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < RECORD_OUTCOME_N; i++) {
		if (view_eq(word, view_of(record_outcome_word((enum record_outcome)i)))) {
			*ret_outcome = (enum record_outcome)i;
			*ret_duration_ms = ms;
			return 0;
		}
	}
	return -EINVAL;
}
