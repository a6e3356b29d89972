/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The letters about what media cores make for a session: see priv.h. Voices and players are on one
 * core, which the session has while it needs one; a member is on that of its room. What is new is
 * told before the streams are, so that the media core knows the first packet of theirs; what is to
 * go from a core where nothing takes its place, afterwards.
 */
#include "dataplane/session/priv.h"

#include <errno.h>

#include "controlplane/base/secret.h"

int voices_prepare(struct sessions *ss, const struct row *row, const struct dp_session *conf,
	struct voices *ret)
{
	static const struct voices_dir none[DP_LEGS];
	const struct voices_conf vc = {
		.prompts = ss->conf.prompts, .rooms = ss->rooms, .number = &ss->next_voice};
	int err = voices_plan(&vc, row ? &row->conf : NULL, row ? row->voice.dir : none, conf, ret);
	if (!err)
		return 0;
	return session_refuse(conf, err,
		err == -ENODATA	 ? "there is no such prompt"
		: err == -EUSERS ? "the room is full, or there are too many rooms"
				 : "its codecs cannot be set up like that");
}

static bool is_own(const struct voices_dir *dir)
{
	return dir->kind == VOICES_VOICE || dir->kind == VOICES_PLAYER;
}

/* A direction joins those that are told to a core. */
static void group(struct voices_group groups[DP_LEGS], uint8_t core, unsigned int leg)
{
	unsigned int i = groups[0].set && groups[0].core != core;
	groups[i].core = core;
	groups[i].set |= 1u << leg;
}

static unsigned int n_groups(const struct voices_group groups[DP_LEGS])
{
	return !!groups[0].set + !!groups[1].set;
}

/* A core of its own, and a tag, when it needs them now. */
static void take_core(struct sessions *ss, struct row *row, const struct voices *v)
{
	bool own = false, any = false;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct voices_dir *dir = v->dir[leg].changed ? &v->dir[leg].now
								   : &row->voice.dir[leg];
		own |= is_own(dir);
		any |= dir->kind != VOICES_NONE;
	}
	if (own && !row->voice.own)
		row->voice.core = placing_take(&ss->placing);
	else if (!own && row->voice.own)
		placing_release(&ss->placing, row->voice.core);
	row->voice.own = own;
	if (any && !row->voice.tag) {
		row->voice.tag = ss->next_tag++;
		if (!row->voice.tag)
			row->voice.tag = ss->next_tag++; /* 0 is none */
	}
}

unsigned int voices_commit(
	struct sessions *ss, struct row *row, struct voices *v, struct voices_mail *mail)
{
	*mail = (struct voices_mail){.tag = row->voice.tag};
	take_core(ss, row, v);
	if (!mail->tag)
		mail->tag = row->voice.tag;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct voices_dir was = row->voice.dir[leg], *now = &v->dir[leg].now;
		if (!v->dir[leg].changed)
			continue;
		if (is_own(now))
			now->core = row->voice.core;
		row->voice.dir[leg] = *now;
		if (now->kind != VOICES_NONE)
			group(mail->before, now->core, leg);
		if (was.kind != VOICES_NONE && (now->kind == VOICES_NONE || was.core != now->core))
			group(mail->after, was.core, leg);
		if (was.room && was.room != now->room)
			mail->left[leg] = was.room;
	}
	return n_groups(mail->before) + n_groups(mail->after);
}

/* v NULL: nothing takes the place of what is there. */
static void post(struct sessions *ss, struct row *row, enum worker_op what, uint32_t tag,
	const struct voices_group *g, struct voices *v, struct op *op)
{
	struct letter *l = mail_letter(ss->conf.mail, what, op_on_voice, op);
	l->msg.voice = (struct worker_voice){.row = store_index(ss->store, row),
		.tag = tag,
		.worker = row->worker,
		.set = g->set};
	for (unsigned int leg = 0; leg < DP_LEGS && v; leg++) {
		if (!(g->set & 1u << leg))
			continue;
		l->msg.voice.from[leg] = v->dir[leg].maker;
		v->dir[leg].maker = (struct mcore_maker){0};
	}
	mail_post(ss->conf.mail, ss->conf.n_workers + g->core, l);
}

void voices_post(struct sessions *ss, struct row *row, struct voices *v,
	const struct voices_mail *mail, struct op *op)
{
	for (unsigned int i = 0; i < n_groups(mail->before); i++)
		post(ss, row, MCORE_VOICE_SET, mail->tag, &mail->before[i], v, op);
}

void voices_clean(
	struct sessions *ss, struct row *row, const struct voices_mail *mail, struct op *op)
{
	for (unsigned int i = 0; i < n_groups(mail->after); i++)
		post(ss, row, MCORE_VOICE_SET, mail->tag, &mail->after[i], NULL, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		rooms_leave(mail->left[leg]);
	if (row->voice.dir[0].kind == VOICES_NONE && row->voice.dir[1].kind == VOICES_NONE)
		row->voice.tag = 0;
}

static void groups_of(const struct row *row, struct voices_group ret_groups[DP_LEGS])
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (row->voice.dir[leg].kind != VOICES_NONE)
			group(ret_groups, row->voice.dir[leg].core, leg);
}

unsigned int voices_n_ends(const struct row *row)
{
	struct voices_group groups[DP_LEGS] = {0};
	groups_of(row, groups);
	return n_groups(groups);
}

void voices_end(struct sessions *ss, struct row *row, struct op *op)
{
	struct voices_group groups[DP_LEGS] = {0};
	groups_of(row, groups);
	for (unsigned int i = 0; i < n_groups(groups); i++)
		post(ss, row, MCORE_VOICE_END, row->voice.tag, &groups[i], NULL, op);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		rooms_leave(row->voice.dir[leg].room);
		row->voice.dir[leg] = (struct voices_dir){0};
	}
	if (row->voice.own)
		placing_release(&ss->placing, row->voice.core);
	row->voice.own = false;
	row->voice.tag = 0;
}

void voices_seed(struct row *row)
{
	secret_random(&row->voice.begin, sizeof(row->voice.begin));
}

uint8_t voices_core(const struct row *row, unsigned int leg)
{
	/* what a leg in a room sends goes to where its mix is made */
	return row->conf.leg[leg].play.kind == DP_PLAY_ROOM ? row->voice.dir[!leg].core
							    : row->voice.core;
}
