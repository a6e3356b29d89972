/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fake_worker.h. */
#include "fake_worker.h"

#include "dataplane/transcode/player.h"
#include "dataplane/transcode/voice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

static struct worker_msg *queue[WORKER_MAILBOX];
static unsigned int n_queue;

static void require(bool ok)
{
	if (!ok)
		abort();
}

void fake_reset(void)
{
	require(fake_n_voices() == 0);
	memset(&fake, 0, sizeof fake);
	n_queue = 0;
}

unsigned int fake_n_live(void)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < FAKE_SLOTS; i++)
		n += fake.slots[i].live;
	return n;
}

struct srtp_engine *fake_srtp_engine(void)
{
	static struct srtp_engine *engine;
	const struct srtp_choice choice = {srtp_backends()[0], srtp_backends()[0]};

	require(engine || srtp_engine_new(&choice, &engine) == 0);
	return engine;
}

unsigned int fake_n_voices(void)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < FAKE_SLOTS / DP_LEGS; i++)
		n += fake.voices[i].tag != 0;
	return n;
}

static bool is_maker(const struct mcore_maker *maker)
{
	return maker->voice || maker->player || maker->member;
}

/* What is new for what was there, as a media core does it. */
static void do_voice(struct worker_msg *msg)
{
	struct worker_voice *v = &msg->voice;
	require(v->row < FAKE_SLOTS / DP_LEGS && msg->worker < FAKE_THREADS);
	struct fake_voice *f = &fake.voices[v->row];
	struct fake_core *core = &f->cores[msg->worker];
	bool set = msg->op == MCORE_VOICE_SET, any = false;
	require(set ? v->tag && (!core->tag || core->tag == v->tag) : core->tag != 0);
	core->tag = set ? v->tag : 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct mcore_maker old = core->from[leg], *now = &v->from[leg];
		require(set || !is_maker(now));
		any |= is_maker(set && !(v->set & 1u << leg) ? &old : now);
		if (set && !(v->set & 1u << leg))
			continue;
		if (old.voice && now->voice)
			voice_adopt(now->voice, old.voice);
		if (old.player && now->player)
			player_adopt(now->player, old.player);
		core->from[leg] = *now;
		*now = old;
		if (is_maker(&core->from[leg]))
			f->thread[leg] = msg->worker;
		f->from[leg] = f->cores[f->thread[leg]].from[leg];
	}
	core->tag = any ? core->tag : 0;
	f->tag = 0;
	for (unsigned int i = 0; i < FAKE_THREADS; i++)
		f->tag = f->cores[i].tag ? f->cores[i].tag : f->tag;
	f->n_sets += set;
}

static void do_set(struct worker_msg *msg)
{
	require(msg->set.slot < FAKE_SLOTS);
	struct fake_slot *s = &fake.slots[msg->set.slot];
	msg->result = fake.set_result;
	fake.set_result = 0;
	if (msg->result) {
		/* what is new to it goes back, as from a worker */
		if (msg->set.srtp.rx != s->srtp.rx)
			msg->set.returned[0] = msg->set.srtp.rx;
		if (msg->set.srtp.tx != s->srtp.tx)
			msg->set.returned[1] = msg->set.srtp.tx;
		return;
	}
	require(!s->live || s->worker == msg->worker);
	s->live = true;
	s->worker = msg->worker;
	s->n_sets++;
	s->n_relearns += msg->set.relearn;
	s->conf = msg->set.conf;
	if (msg->set.srtp.rx != s->srtp.rx)
		msg->set.returned[0] = s->srtp.rx;
	if (msg->set.srtp.tx != s->srtp.tx)
		msg->set.returned[1] = s->srtp.tx;
	s->srtp = msg->set.srtp;
	s->rx_state = msg->set.rx_state;
	s->tx_state = msg->set.tx_state;
	s->tx_anew = msg->set.tx_anew;
	s->bundle = msg->set.bundle;
	s->bundle_out = msg->set.bundle_out;
}

static void do_unlink(struct worker_msg *msg)
{
	require(msg->unlink.slot < FAKE_SLOTS);
	struct fake_slot *s = &fake.slots[msg->unlink.slot];
	require(!s->live || s->worker == msg->worker);
	msg->result = s->live ? 0 : -ENOENT;
	msg->unlink.returned[0] = s->srtp.rx;
	msg->unlink.returned[1] = s->srtp.tx;
	msg->unlink.srtp = fake.srtp;
	memset(s, 0, sizeof *s);
	msg->unlink.stats = fake.stats;
	msg->unlink.rare = fake.rare;
	msg->unlink.learned[STREAM_RTP] = fake.learned;
}

static void do_press(const struct worker_msg *msg)
{
	fake.n_presses++;
	fake.press_thread = msg->worker;
	fake.press = msg->press;
}

static void do_report(struct worker_msg *msg)
{
	fake.n_reports++;
	fake.report_worker = msg->worker;
	fake.report = msg->report;
	msg->report.frame = NULL;
}

int worker_post(struct worker_group *group, uint32_t i, struct worker_msg *msg)
{
	if (n_queue == WORKER_MAILBOX)
		return -ENOBUFS;
	msg->worker = i;
	msg->result = 0;
	fake.n_posted++;
	queue[n_queue++] = msg;
	return 0;
}

unsigned int worker_completions(
	struct worker_group *group, struct worker_msg **ret_msgs, unsigned int max)
{
	unsigned int n = fake.held ? 0 : n_queue < max ? n_queue : max;
	for (unsigned int i = 0; i < n; i++) {
		struct worker_msg *msg = queue[i];
		if (fake.n_order < sizeof fake.order / sizeof fake.order[0])
			fake.order[fake.n_order++] = msg->op;
		if (msg->op == MCORE_VOICE_SET || msg->op == MCORE_VOICE_END)
			do_voice(msg);
		else if (msg->op == WORKER_STREAM_SET)
			do_set(msg);
		else if (msg->op == WORKER_STREAM_UNLINK)
			do_unlink(msg);
		else if (msg->op == WORKER_PRESS || msg->op == MCORE_PRESS)
			do_press(msg);
		else if (msg->op == WORKER_REPORT)
			do_report(msg);
		else if (msg->op == WORKER_ADDR_SET)
			msg->addr.table = NULL; /* freed with the program */
		ret_msgs[i] = msg;
	}
	n_queue -= n;
	memmove(queue, queue + n, n_queue * sizeof queue[0]);
	return n;
}

uint32_t *worker_table_new(const struct worker_group *group)
{
	static uint32_t table[1];
	return table;
}

void worker_table_free(uint32_t *table)
{
}

unsigned int worker_nats(
	struct worker_group *group, struct worker_nat *ret_frames, unsigned int max)
{
	return 0;
}

int worker_inject(struct worker_group *group, uint8_t port, struct rte_mbuf *frame)
{
	return -ENOBUFS;
}
