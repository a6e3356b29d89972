/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a transfer by the box begins, from the REFER to the new call: see call_transfer.c. */
#include "sip-b2bua/b2b/call_transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("transfer");

#define ASK_MS		2000 /* for another worker's answer */
#define INVITE_TEXT_MAX 16384

static const struct view none = {NULL, 0};

/* Leg A of the new call is the transferred party, or leg B the far end of the other dialog. */
static int take_side(struct call *to, unsigned int side, const struct leg *leg)
{
	struct ctl_call *rec = &to->rec;
	const struct ctl_call *was = &leg->call->rec;
	const struct cfg_realm *realm = leg_realm(leg);
	const struct cfg_trunk *trunk = leg_trunk(leg);
	struct media_map *map = &to->media;

	if (!realm)
		return -ENOENT;
	memcpy(rec->realm[side], was->realm[leg->side], CTL_NAME_MAX);
	memcpy(rec->trunk[side], was->trunk[leg->side], CTL_NAME_MAX);
	memcpy(rec->session_id[side], was->session_id[leg->side], CTL_SESSION_ID);
	memcpy(rec->sip_call_id[side], was->sip_call_id[leg->side], sizeof(rec->sip_call_id[0]));
	rec->peer_sig[side] = was->peer_sig[leg->side];
	rec->transport[side] = was->transport[leg->side];
	leg_set_terms(&to->leg[side], realm, trunk);
	media_map_set_own(map, &to->b->dtls_own);
	media_map_set_side(map, side, realm, &leg->dialog->path.local);
	media_map_set_music(map, side, realm, trunk);
	media_map_set_srtp(map, side, to->b->cfg, realm, trunk);
	media_map_set_codecs(map, side, to->b->cfg, realm, trunk);
	/* Who talks RTP would have refused SRTP, where that is only preferred. */
	if (map->side[side].srtp.policy == CFG_SRTP_PREFER &&
		media_map_keying(&leg->call->media, leg->side) == CTL_KEYING_NONE)
		map->side[side].srtp.refused = true;
	return 0;
}

static const char *number_of(const struct leg *leg)
{
	const struct ctl_call *rec = &leg->call->rec;

	return leg->side == LEG_A ? rec->calling[LEG_A] : rec->called[LEG_B];
}

/* As it called itself, or was called; a far end that was reached by its Contact has a number besides. */
static void put_party(struct sip_buf *buf, const struct leg *leg)
{
	const struct dialog *d = leg->dialog;
	char user[CTL_NUMBER_MAX] = "", escaped[POLICY_USER_MAX];
	struct sip_addr addr;

	if (number_of(leg)[0] && (sip_addr_parse(d->remote_addr, &addr) < 0 ||
					 policy_user_text(&addr.uri, user, sizeof(user)) < 0 ||
					 strcmp(user, number_of(leg)) != 0)) {
		sip_put_lit(buf, "<sip:");
		sip_put(buf, policy_user_escape(number_of(leg), escaped));
		sip_put_char(buf, '@');
		sip_put_host(buf, &d->path.remote, true);
		sip_put_char(buf, '>');
		return;
	}
	sip_put(buf, d->remote_addr);
}

/* The INVITE that the transferred party would have sent. */
static struct sip_msg *invite_make(struct call *to, const struct leg *leg,
	const struct sip_uri *uri, const struct sip_msg *refer)
{
	struct b2b *b = to->b;
	const struct dialog *d = leg->dialog;
	struct view by = sip_msg_value(refer, SIP_H_REFERRED_BY), said = none;
	char text[INVITE_TEXT_MAX], branch[SIP_BRANCH_LEN], tag[SIP_TOKEN_LEN];
	struct sip_msg *msg = malloc(sizeof(*msg)), *copy = NULL;
	struct sip_buf buf, target;
	char target_text[CALL_URI_MAX];

	sip_buf_init(&target, target_text, sizeof(target_text));
	policy_put_uri(&target, uri, &d->path.local);
	sip_buf_init(&buf, text, sizeof(text));
	sip_build_request(&buf, VIEW("INVITE"), sip_buf_view(&target));
	sip_put_via(&buf, sip_transport_text(d->path.transport), &d->path.local,
		sip_txns_branch(b->env.txns, branch));
	sip_put_hdr_u64(&buf, SIP_H_MAX_FORWARDS, b->cfg->max_forwards);
	sip_put_hdr_start(&buf, SIP_H_FROM);
	put_party(&buf, leg);
	sip_put_lit(&buf, ";tag=1\r\n");
	sip_put_hdr_start(&buf, SIP_H_TO);
	sip_put_char(&buf, '<');
	sip_put(&buf, sip_buf_view(&target));
	sip_put_lit(&buf, ">\r\n");
	sip_put_hdr(&buf, SIP_H_CALL_ID, call_tag(to, LEG_A, 0, tag));
	sip_put_cseq(&buf, 1, VIEW("INVITE"));
	if (by.n > 0)
		sip_put_hdr(&buf, SIP_H_REFERRED_BY, by);
	if (leg->heard && media_map_keying(&leg->call->media, leg->side) != CTL_KEYING_DTLS)
		said = (struct view){leg->heard, leg->heard_len};
	if (msg && !target.overflow &&
		sip_build_end(&buf, said.n > 0 ? VIEW("application/sdp") : none, said) == 0 &&
		sip_msg_parse(msg, text, buf.n, false) == 0)
		copy = sip_msg_dup(msg);
	free(msg);
	return copy;
}

static struct call *new_call(struct leg *leg, const struct leg *named)
{
	struct b2b *b = leg->call->b;
	struct call *to = call_new(b), *from = leg->call;
	struct call_transfer *t = to ? transfer_new(to, ROLE_TO) : NULL;

	if (!t)
		return to;
	b->env.stats->calls_attempted++;
	t->from = transfer_ticket(from);
	from->transfer->to = transfer_ticket(to);
	memcpy(t->realm, from->rec.realm[leg->side], CTL_NAME_MAX);
	memcpy(t->trunk, from->rec.trunk[leg->side], CTL_NAME_MAX);
	memcpy(t->number, from->transfer->number, sizeof(t->number));
	to->rec.transfer = CTL_TRANSFER_JOINING;
	to->rec.transfer_call = from->rec.id;
	to->max_forwards = b->cfg->max_forwards;
	to->user_pool = leg->side == LEG_A ? from->user_pool : from->held[LEG_B].pool;
	if (named) {
		t->attended = true;
		t->with = transfer_ticket(named->call);
		named->call->transfer->to = transfer_ticket(to);
		/* A far end is not offered fewer lines than it has (RFC 3264 8). */
		t->first = from->media.n_media > named->call->media.n_media ? LEG_A : LEG_B;
	}
	return to;
}

static void broken(struct call *to, const char *reason)
{
	call_end(to, &(struct call_why){.by = CTL_BY_BOX, .status = 500, .reason = reason});
}

static void start_blind(struct leg *leg, const struct sip_uri *uri, const struct sip_msg *refer)
{
	struct call *to = new_call(leg, NULL);
	const struct leg *party = leg_other(leg);

	if (!to || !to->transfer || take_side(to, LEG_A, party) < 0) {
		if (to)
			broken(to, "memory is short");
		else
			transfer_part_free(leg->call->b, transfer_ticket(leg->call), 503);
		return;
	}
	to->transfer->invite = invite_make(to, party, uri, refer);
	if (!to->transfer->invite) {
		broken(to, "the INVITE of a transfer is longer than a message can be");
		return;
	}
	call_setup_transfer(to);
}

/* Who the far end behind a dialog is, in the record of the new call. */
static void record_target(struct call *to, const struct leg *far)
{
	const struct ctl_call *was = &far->call->rec;
	struct ctl_call *rec = &to->rec;

	for (unsigned int side = 0; side < DP_LEGS; side++)
		memcpy(rec->called[side], number_of(far), CTL_NUMBER_MAX);
	memcpy(rec->calling[LEG_B], rec->calling[LEG_A], CTL_NUMBER_MAX);
	rec->dial_peer_out = far->side == LEG_B ? was->dial_peer_out : 0;
	if (rec->trunk[LEG_B][0])
		snprintf(to->far, sizeof(to->far), "trunk %s", rec->trunk[LEG_B]);
	else
		snprintf(to->far, sizeof(to->far), "the other far end");
}

static void start_attended(struct leg *leg, struct leg *named)
{
	struct call *to = new_call(leg, named);
	struct leg *party = leg_other(leg), *far = leg_other(named);

	if (!to || !to->transfer) {
		struct b2b *b = leg->call->b;
		struct call_ticket with = transfer_ticket(named->call);

		if (to)
			broken(to, "memory is short");
		transfer_part_free(b, transfer_ticket(leg->call), 503);
		transfer_part_free(b, with, 503);
		return;
	}
	if (take_side(to, LEG_A, party) < 0 || take_side(to, LEG_B, far) < 0) {
		broken(to, "a realm of the transfer was just taken out of the configuration");
		return;
	}
	memcpy(to->rec.calling[LEG_A], number_of(party), CTL_NUMBER_MAX);
	record_target(to, far);
	control_call_put(to, NULL, 0);
	transfer_join(to);
}

static void say_accepted(struct leg *leg, struct sip_stxn *stxn, bool no_sub)
{
	char text[512], tag[SIP_TOKEN_LEN];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	relay_put_contact(&headers, call_tag(leg->call, leg->side, 0, tag), &leg->dialog->path);
	if (no_sub)
		sip_put_lit(&headers, "Refer-Sub: false\r\n");
	call_reply(stxn, 202, sip_buf_view(&headers));
}

/* The REFER is one that the box acts on. NULL: memory is short. */
static struct call_transfer *asked(
	struct leg *leg, const struct sip_msg *refer, const struct sip_uri *uri, bool no_sub)
{
	struct call_transfer *t = transfer_new(leg->call, ROLE_FROM);

	if (!t)
		return NULL;
	t->side = leg->side;
	t->subscribed = !no_sub;
	snprintf(t->event, sizeof(t->event), leg->refer.n > 0 ? "refer;id=%u" : "refer",
		refer->cseq.number);
	leg->refer.n++;
	if (policy_user_text(uri, t->number, sizeof(t->number)) < 0)
		snprintf(t->number, sizeof(t->number), "(unknown)");
	return t;
}

static void begin(struct leg *leg, struct sip_stxn *stxn, bool no_sub)
{
	leg->call->rec.transfer = CTL_TRANSFER_ASKED;
	say_accepted(leg, stxn, no_sub);
	call_checkpoint(leg->call);
	transfer_notify(leg->call, 100, false);
}

/* The other call takes part. false: memory is short. */
static bool take_part(struct call_transfer *t, struct leg *named)
{
	struct call_transfer *with = transfer_new(named->call, ROLE_WITH);

	if (!with)
		return false;
	with->side = named->side;
	memcpy(t->number, number_of(leg_other(named)), sizeof(t->number));
	memcpy(with->number, t->number, sizeof(with->number));
	return true;
}

unsigned int call_transfer_start(struct leg *leg, struct sip_stxn *stxn,
	const struct sip_msg *refer, const struct sip_uri *uri, struct leg *named, bool no_sub)
{
	struct call *from = leg->call;
	struct call_transfer *t;

	if (from->transfer || (named && named->call->transfer))
		return 491;
	/* What is named is another call of two far ends than this one. */
	if (named &&
		(named->call == from || named->call->local.on || named->call->state != CALL_UP))
		return 400;
	t = asked(leg, refer, uri, no_sub);
	if (!t || (named && !take_part(t, named))) {
		call_transfer_free(from);
		return 500;
	}
	begin(leg, stxn, no_sub);
	if (named)
		start_attended(leg, named);
	else
		start_blind(leg, uri, refer);
	return 0;
}

unsigned int call_transfer_ask(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *refer,
	const struct sip_uri *uri, const struct replaces *named, unsigned int worker, bool no_sub)
{
	struct call *from = leg->call;
	struct call_ticket ticket = transfer_ticket(from);
	struct call_transfer *t;

	if (from->transfer)
		return 491;
	t = asked(leg, refer, uri, no_sub);
	if (!t || call_move_ask(from->b, worker, named, &ticket) < 0) {
		call_transfer_free(from);
		return 500;
	}
	t->asks = true;
	twheel_start(from->b->env.wheel, &t->timer, ASK_MS);
	begin(leg, stxn, no_sub);
	return 0;
}

void call_transfer_found(
	struct b2b *b, const struct call_ticket *ticket, struct leg *named, unsigned int status)
{
	struct call *from = transfer_call(b, *ticket);
	struct call_transfer *t = from ? from->transfer : NULL;

	if (!t || !t->asks || from->state != CALL_UP)
		return; /* the call is here, and goes on as it was */
	t->asks = false;
	twheel_stop(b->env.wheel, &t->timer);
	if (named && (named->call->transfer || !take_part(t, named))) {
		named = NULL;
		status = 500;
	}
	if (named)
		start_attended(transfer_leg(from), named);
	else
		transfer_part_free(b, *ticket, status);
}
