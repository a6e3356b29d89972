/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The letters about a session's voice: see priv.h. */
#include "dataplane/session/priv.h"

#include "controlplane/base/secret.h"

int voices_prepare(struct sessions *ss, const struct dp_session *old, const struct dp_session *conf,
	struct voices *ret)
{
	*ret = (struct voices){0};
	if (!voices_needed(conf) || !voices_differ(old, conf))
		return 0;
	int err = voices_new(conf, &ss->next_voice, ret);
	return err ? session_refuse(conf, err, "its codecs cannot be set up like that") : 0;
}

unsigned int voices_n_letters(const struct row *row, const struct voices *v)
{
	bool ends = row->voice.live && !voices_needed(&row->conf);
	return v->from[0] || v->from[1] || ends;
}

static void voice_letter(
	struct sessions *ss, struct row *row, enum worker_op what, struct voices *v, struct op *op)
{
	struct letter *l = mail_letter(ss->conf.mail, what, op_on_voice, op);
	l->msg.voice.row = store_index(ss->store, row);
	l->msg.voice.tag = row->voice.tag;
	l->msg.voice.worker = row->worker;
	for (unsigned int leg = 0; leg < DP_LEGS && v; leg++)
		l->msg.voice.from[leg] = v->from[leg];
	mail_post(ss->conf.mail, ss->conf.n_workers + row->voice.core, l);
}

static void voice_begin(struct sessions *ss, struct row *row)
{
	row->voice.live = true;
	row->voice.core = placing_take(&ss->placing);
	row->voice.tag = ss->next_tag++;
	if (!row->voice.tag)
		row->voice.tag = ss->next_tag++; /* 0 is none */
}

void voices_seed(struct row *row)
{
	secret_random(row->voice.ssrc, sizeof row->voice.ssrc);
	secret_random(&row->voice.ts, sizeof row->voice.ts);
	secret_random(&row->voice.seq, sizeof row->voice.seq);
}

void voices_post(struct sessions *ss, struct row *row, struct voices *v, struct op *op)
{
	if (!v->from[0] && !v->from[1])
		return;
	if (!row->voice.live)
		voice_begin(ss, row);
	voice_letter(ss, row, MCORE_VOICE_SET, v, op);
}

void voices_end(struct sessions *ss, struct row *row, struct op *op)
{
	if (!row->voice.live)
		return;
	row->voice.live = false;
	placing_release(&ss->placing, row->voice.core);
	voice_letter(ss, row, MCORE_VOICE_END, NULL, op);
}
