/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole signalling path behind the sockets: bytes become messages, transactions, calls. The
 * input is a list of records, each a line "<side> <what>\n" and a payload of a given length:
 *
 *   side 'a' (caller's realm), 'b' (called realm): payload is a datagram; '$n' in it (n 0..9) is
 *        replaced by the n-th token that the box has written so far, so that inputs can answer;
 *   'c'  payload is a struct ctl_call and a checkpoint to be restored;
 *   't'  time passes: the length in units of 100 ms.
 *
 * limen-control's replies come at once. Nothing may crash, and the box must stay consistent.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/api/ctl_play.h"
#include "sip-b2bua/b2b/b2b.h"

#define TOKENS 10

static struct {
	struct twheel *wheel;
	struct sip_txns *txns;
	struct b2b *b;
	struct sip_token_key key;
	struct ctl_sip_stats stats;
	struct b2b_shared shared;
	struct cfg *cfg;
	struct sip_listener listener[2];
	uint32_t seq;
	char tokens[TOKENS][SIP_TOKEN_LEN];
	unsigned int n_tokens;
	struct {
		uint16_t type;
		uint32_t seq;
		struct ctl_media media;
	} replies[16];
	unsigned int n_replies;
	struct ctl_play_done last; /* of what is played by the last line */
} f;

static const struct sip_listener *env_listener(void *ctx, uint16_t id)
{
	return id < 2 ? &f.listener[id] : NULL;
}

static const struct sip_listener *env_find(
	void *ctx, const char *realm, uint8_t transport, uint8_t family)
{
	return &f.listener[1];
}

static void env_conn_watch(void *ctx, uint64_t conn)
{
}

static void env_flow_timer(void *ctx, const struct sip_path *path, uint32_t silent_ms)
{
}

static unsigned int env_own_vias(void *ctx, const struct sip_msg *msg)
{
	return 0;
}

/* Keys that limen-control would refuse: of one direction only, or of another length. */
static void media_check(const struct ctl_media *media)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_leg *l = &media->leg[leg];

		if (!dp_srtp_valid(&l->rx) || !dp_srtp_valid(&l->tx) ||
			!l->rx.suite != !l->tx.suite)
			abort();
		if (!ctl_play_ok(&media->play[leg]) ||
			(media->play[leg].kind != CTL_PLAY_NONE && !l->send.codec))
			abort();
		if (media->dtls[leg].role != CTL_DTLS_NONE &&
			(l->rx.suite || !fingerprint_valid(&media->dtls[leg].peer) ||
				media->dtls[leg].peer.hash == FINGERPRINT_NONE))
			abort();
	}
}

static int env_control_send(void *ctx, uint16_t type, uint32_t seq, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	if ((type == CTL_MEDIA_SET || type == CTL_CALL_END) && f.n_replies < 16) {
		f.replies[f.n_replies].type = type;
		f.replies[f.n_replies].seq = seq;
		if (type == CTL_MEDIA_SET) {
			const struct ctl_media *media = part1;

			f.last = (struct ctl_play_done){.call_id = media->call_id,
				.cookie = media->cookie,
				.serial = media->play[0].serial};
			memcpy(&f.replies[f.n_replies].media, part1, len1);
			media_check(part1);
		}
		f.n_replies++;
	}
	return 0;
}

static uint32_t env_control_seq(void *ctx)
{
	return ++f.seq;
}

static uint64_t env_time(void *ctx)
{
	return twheel_now(f.wheel);
}

static struct locate_look env_look(void *ctx, const char *name, uint16_t type)
{
	return (struct locate_look){.found = LOCATE_WAIT};
}

static const struct b2b_env_ops env_ops = {.listener = env_listener,
	.find = env_find,
	.own_vias = env_own_vias,
	.conn_watch = env_conn_watch,
	.flow_timer = env_flow_timer,
	.control_send = env_control_send,
	.control_seq = env_control_seq,
	.wall_ms = env_time,
	.mono_us = env_time,
	.look = env_look};

/* What the box writes must parse, and its tokens can be used by the following input. */
static int on_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	static struct sip_msg msg;
	struct sip_token token;
	struct view tag;

	if (sip_msg_parse(&msg, bytes, n, false) < 0)
		abort();
	tag = msg.is_request ? msg.from.tag : msg.to.tag;
	if (tag.n == SIP_TOKEN_LEN && f.n_tokens < TOKENS &&
		sip_token_parse(&f.key, tag, &token) == 0)
		memcpy(f.tokens[f.n_tokens++], tag.p, tag.n);
	if (msg.is_request && msg.via.branch.n == SIP_BRANCH_LEN && f.n_tokens < TOKENS)
		memcpy(f.tokens[f.n_tokens++], msg.via.branch.p + 7, SIP_TOKEN_LEN);
	return 0;
}

static void on_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_request(f.b, stxn, msg, path);
}

static void on_ack(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_ack(f.b, msg, path);
}

static void on_stray(void *ctx, const struct sip_msg *msg, const struct sip_path *path)
{
	b2b_stray(f.b, msg, path);
}

static struct ipaddr addr(const char *text)
{
	struct ipaddr a;

	if (ipaddr_parse_port(view_of(text), 5060, &a) < 0)
		abort();
	return a;
}

static void config(void)
{
	struct cfg *cfg = cfg_new();

	cfg->realms = calloc(2, sizeof(*cfg->realms));
	cfg->n_realms = 2;
	cfg->trunks = calloc(2, sizeof(*cfg->trunks));
	cfg->n_trunks = 2;
	cfg->dial_peers = calloc(5, sizeof(*cfg->dial_peers));
	cfg->n_dial_peers = 5;
	for (unsigned int i = 2; i < 5; i++) {
		cfg->dial_peers[i].tag = i + 1;
		snprintf(cfg->dial_peers[i].destination_pattern, CFG_TEXT_MAX, "%uT", i);
	}
	snprintf(cfg->dial_peers[2].announcement, CFG_NAME_MAX, "hello");
	snprintf(cfg->dial_peers[3].conference, CFG_NAME_MAX, "sales");
	cfg->dial_peers[4].tone = CFG_TONE_BUSY;
	cfg->dial_peers[4].announcement_early = true;
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(cfg->realms[i].name, CFG_NAME_MAX, i ? "peering" : "access");
		cfg->realms[i].admission = CFG_ADMIT_ANY;
		cfg->realms[i].media_ipv4 = addr("10.0.0.1");
		cfg->realms[i].srtp = CFG_SRTP_PREFER;
		cfg->realms[i].srtp_keying = i ? CFG_KEYING_DTLS : CFG_KEYING_SDES;
		snprintf(cfg->trunks[i].name, CFG_NAME_MAX, "t%u", i);
		snprintf(cfg->trunks[i].realm, CFG_NAME_MAX, "peering");
		cfg->trunks[i].target.addr = addr("10.0.1.60");
		cfg->trunks[i].transport = SIP_UDP;
		cfg->trunks[i].srtp = i ? CFG_SRTP_REALM : CFG_SRTP_NEVER;
		cfg->trunks[i].srtp_keying = CFG_KEYING_REALM;
		cfg->dial_peers[i].tag = i + 1;
		cfg->dial_peers[i].preference = i;
		snprintf(cfg->dial_peers[i].destination_pattern, CFG_TEXT_MAX, "1T");
		snprintf(cfg->dial_peers[i].trunk, CFG_NAME_MAX, "t%u", i);
	}
	cfg->realms[0].ringback_tone = true;
	snprintf(cfg->realms[0].music_on_hold, CFG_NAME_MAX, "music");
	for (unsigned int i = 0; i < 4; i++) {
		static const uint16_t statuses[] = {404, 486, 488, 503};

		cfg->realms[0].announcements[i].status = statuses[i];
		snprintf(cfg->realms[0].announcements[i].prompt, CFG_NAME_MAX, "sorry");
		cfg->realms[0].n_announcements = i + 1;
	}
	cfg->tenants = calloc(1, sizeof(*cfg->tenants));
	cfg->n_tenants = 1;
	cfg->tenants[0] = (struct cfg_tenant){.tag = 1,
		.trust = CFG_TRUST_BOTH,
		.asserted_id = CFG_ASSERTED_RPID,
		.redirecting = CFG_REDIRECTING_HISTORY,
		.caller_id = CFG_CALLER_ID_E164,
		.country_code = 49,
		.reason_override = true,
		.reason_q850 = true,
		.relay_message = true,
		.relay_subscribe = true,
		.relay_notify = true,
		.relay_publish = true,
		.relay_info = true,
		.relay_options = true,
		.relay_other = true};
	cfg->realms[0].tenant = cfg->realms[1].tenant = 1;
	cfg->max_subscriptions = 4;
	cfg->voice_codecs = calloc(1, sizeof(*cfg->voice_codecs));
	cfg->n_voice_codecs = 1;
	cfg->voice_codecs[0] = (struct cfg_voice_codec){.tag = 1,
		.codec = {{1, CFG_CODEC_OPUS}, {2, CFG_CODEC_G711U}, {3, CFG_CODEC_AMR}},
		.n_codec = 3};
	cfg->trunks[1].voice_codec = 1;
	cfg->max_forwards = 70;
	cfg->timer_no_answer_s = 180;
	f.cfg = cfg;
}

static void start(void)
{
	static const struct sip_txn_user user = {
		.send = on_send, .request = on_request, .ack = on_ack, .stray = on_stray};
	static const uint8_t secret[SIP_TOKEN_KEY] = "fuzz";
	struct b2b_env env = {.ops = &env_ops,
		.key = &f.key,
		.stats = &f.stats,
		.shared = &f.shared,
		.seed = 1,
		.n_workers = 1};
	static const struct ctl_nat_info nat = {.own = {.hash = FINGERPRINT_SHA_256, .len = 32}};
	char error[CFG_ERROR_MAX];

	if (!f.cfg) {
		log_init("fuzz", LOG_L_ERR);
		config();
		sip_token_key_set(&f.key, secret);
	}
	b2b_shared_init(&f.shared);
	f.listener[0] = (struct sip_listener){
		.transport = SIP_UDP, .addr = addr("10.0.0.1"), .realm = "access"};
	f.listener[1] = (struct sip_listener){
		.id = 1, .transport = SIP_UDP, .addr = addr("10.0.1.1"), .realm = "peering"};
	f.n_tokens = f.n_replies = f.seq = 0;
	f.wheel = env.wheel = twheel_new(1000);
	f.txns = env.txns = sip_txns_new(f.wheel, &f.key, 0, 256, &user, NULL);
	if (b2b_new(&env, &f.b) < 0 || b2b_config_prepare(f.b, f.cfg, error) < 0)
		abort();
	b2b_config_apply(f.b, f.cfg);
	b2b_control_up(f.b);
	b2b_nat_info(f.b, &nat);
	b2b_transcoder(f.b, &(struct ctl_transcoder){.codecs = UINT32_MAX});
}

static void stop(void)
{
	b2b_free(f.b);
	sip_txns_free(f.txns);
	twheel_free(f.wheel);
	if (atomic_load(&f.shared.n_calls) != 0)
		abort();
	for (uint32_t i = 0; i < atomic_load(&f.shared.budgets.n); i++) {
		const struct budget *budget = budget_at(&f.shared.budgets, i);

		if (atomic_load(&budget->n_calls) != 0 || atomic_load(&budget->bps) != 0)
			abort();
	}
	b2b_shared_clear(&f.shared);
}

static void replies(void)
{
	while (f.n_replies > 0) {
		unsigned int i = --f.n_replies;
		uint32_t seq = f.replies[i].seq;
		const struct ctl_media *media = &f.replies[i].media;
		struct ctl_media_opened opened = {0};

		if (f.replies[i].type == CTL_CALL_END) {
			b2b_call_end_reply(f.b, seq, 0);
			continue;
		}
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			const struct ctl_play *play = &media->play[leg];

			if (play->kind != CTL_PLAY_PROMPT || (play->flags & CTL_PLAY_LOOP))
				continue;
			opened.prompt[leg].serial = play->serial;
			opened.prompt[leg].length_ms = 100;
		}
		for (unsigned int leg = 0; leg < ctl_media_n_legs(media); leg++)
			opened.local[leg] = addr(leg ? "10.0.1.1:20000" : "10.0.0.1:20000");
		b2b_media_reply(f.b, seq, 0, &opened);
	}
}

static void datagram(unsigned int side, const char *p, size_t n)
{
	static struct sip_msg msg;
	struct sip_path path = {.transport = SIP_UDP,
		.listener = (uint16_t)side,
		.local = f.listener[side].addr,
		.remote = addr(side ? "10.0.1.60" : "10.0.0.50")};
	char *text = malloc(n * SIP_TOKEN_LEN + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int k = i + 1 < n && p[i] == '$' ? (unsigned int)(p[i + 1] - '0') : TOKENS;

		if (k < TOKENS && k < f.n_tokens) {
			memcpy(text + len, f.tokens[k], SIP_TOKEN_LEN);
			len += SIP_TOKEN_LEN;
			i++;
		} else {
			text[len++] = p[i];
		}
	}
	if (sip_msg_parse(&msg, text, len, false) == 0)
		sip_txns_receive(f.txns, &msg, &path);
	free(text);
}

static void play_over(const char *p, size_t n)
{
	struct ctl_play_done done;

	if (n < sizeof(done))
		return;
	memcpy(&done, p, sizeof(done));
	b2b_play_done(f.b, &done);
	/* and of the last line that was asked for */
	done = f.last;
	b2b_play_done(f.b, &done);
}

static void restore(const char *p, size_t n)
{
	struct ctl_call rec;

	if (n < sizeof(rec))
		return;
	memcpy(&rec, p, sizeof(rec));
	b2b_call_restore(f.b, &rec, p + sizeof(rec), n - sizeof(rec));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	start();
	while (end - p >= 2) {
		char what = *p++;
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		char number[8] = "";
		size_t n;

		if (!nl || nl - p >= (int)sizeof(number))
			break;
		memcpy(number, p, (size_t)(nl - p));
		n = (size_t)strtoul(number, NULL, 10);
		p = nl + 1;
		if (what == 't') {
			twheel_advance(f.wheel, twheel_now(f.wheel) + (n % 4000) * 100);
		} else {
			if (n > (size_t)(end - p))
				n = (size_t)(end - p);
			if (what == 'a' || what == 'b')
				datagram(what == 'b', p, n);
			else if (what == 'c')
				restore(p, n);
			else if (what == 'd')
				play_over(p, n);
			p += n;
		}
		replies();
	}
	stop();
	return 0;
}
