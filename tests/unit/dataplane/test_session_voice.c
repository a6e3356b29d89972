/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that need a media core: transcoding, what is played, rooms; who hears of what first. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sessions_world.h"

static void assert_order(unsigned int n, const enum worker_op *want)
{
	assert_int_equal(fake.n_order, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(fake.order[i], want[i]);
	fake.n_order = 0;
}

/*
 * A media core hears of a session before its worker does, and of its end after; the same again is
 * no news; the answer waits for all of them; what comes back is freed.
 */
static void test_voice(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1), relay = s;
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	fake.n_order = 0;
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	uint32_t slot = w->reply.stream[0];
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	const struct stream_conf *a = &fake.slots[slot].conf, *b = &fake.slots[slot + 1].conf;
	assert_true(v->tag && v->from[0].voice && !v->from[1].voice);
	assert_in_range(v->thread[0], N_WORKERS, N_WORKERS + N_MCORES - 1);
	assert_int_equal(a->more.voice.tag, v->tag);
	assert_int_equal(a->more.voice.core + N_WORKERS, v->thread[0]);
	assert_int_equal(b->more.voice.tag, 0);
	uint32_t ssrc = a->more.wire.ssrc;

	/* the same again: only the streams are written once more */
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(2, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(a->more.wire.ssrc, ssrc);
	/* another packet time is another encoder, of the same session */
	uint32_t tag = v->tag;
	s.leg[1].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(v->tag, tag);
	/* both directions */
	s.leg[1].payloads[0] = (struct dp_payload){
		.pt = 96, .action = DP_PT_TRANSCODE, .codec = DP_CODEC_L16_8K, .clock_hz = 8000};
	s.leg[1].payloads[1].action = DP_PT_EVENT;
	s.leg[0].send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8, .event_pt = 101};
	assert_int_equal(modify(w, &s, 1), 0);
	assert_true(v->from[0].voice && v->from[1].voice && b->more.voice.tag == tag);
	fake.n_order = 0;
	/* relayed again, then not: the media core forgets it after the worker does */
	assert_int_equal(modify(w, &relay, 1), 0);
	assert_order(3, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET, MCORE_VOICE_SET});
	assert_int_equal(v->tag, 0);
	assert_int_equal(a->more.voice.tag, 0);
	assert_int_equal(modify(w, &s, 1), 0);
	assert_true(v->tag != tag && v->tag);
	fake.n_order = 0;
	assert_int_equal(del(w, 1), 0);
	assert_order(
		3, (enum worker_op[]){WORKER_STREAM_UNLINK, WORKER_STREAM_UNLINK, MCORE_VOICE_END});
	assert_int_equal(w->final.id, 1);
	assert_int_equal(fake_n_voices(), 0);
	assert_int_equal(fake_n_live(), 0);
}

/* One sample, as a prompt comes. */
static void put_prompt(struct world *w, uint32_t id, uint32_t n)
{
	struct dp_prompt p = {id, 8000, n};
	int fd = memfd_create("prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0 && ftruncate(fd, n * 2) == 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(prompts_set(w->prompts, &p, fd, 1), 0);
	close(fd);
}

static void tell_played(struct world *w, const struct fake_voice *v, uint32_t slot, uint32_t serial)
{
	sessions_played(
		w->ss, &(struct worker_played){.slot = slot, .tag = v->tag, .serial = serial});
}

/*
 * A prompt is played in place of the other leg: the media core hears of it first; the same again is no
 * news, also when the prompt was replaced; its end is told once for the serial that plays.
 */
static void test_play(void **state)
{
	struct world *w = *state;
	struct dp_session relay = sample_session(1), s = relay;
	sample_play(&s, 0, DP_PLAY_PROMPT);
	assert_int_equal(add(w, &s, 1), -ENODATA);
	assert_int_equal(sessions_n(w->ss), 0);
	put_prompt(w, 1, 100);
	fake.n_order = 0;
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	uint32_t slot = w->reply.stream[0];
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	const struct stream_conf *a = &fake.slots[slot].conf, *b = &fake.slots[slot + 1].conf;
	assert_true(v->from[1].player && !v->from[0].player);
	assert_int_equal(a->more.voice.to, STREAM_TO_LEG);
	assert_int_equal(b->more.voice.to, STREAM_TO_NONE);
	assert_int_equal(a->more.voice.tag, 0);
	assert_int_equal(b->more.voice.tag, v->tag);
	assert_true(b->hot.edit & STREAM_EDIT_WIRE);
	/* another prompt of that number, for whoever begins now */
	put_prompt(w, 1, 50);
	assert_int_equal(prompts_bytes(w->prompts), 300);
	assert_int_equal(add(w, &s, 2), 0);
	assert_order(2, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET});
	/* another codec: the same prompt goes on */
	s.leg[0].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 2), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(prompts_bytes(w->prompts), 300);
	tell_played(w, v, slot, 1); /* to leg B, which is played nothing */
	tell_played(w, v, slot + 1, 7);
	assert_int_equal(w->n_played, 0);
	tell_played(w, v, slot + 1, 1);
	assert_int_equal(w->n_played, 1);
	assert_int_equal(w->played.session_id, 1);
	assert_int_equal(w->played.call_id, 1000001);
	assert_int_equal(w->played.leg, 0);
	assert_int_equal(w->played.serial, 1);
	struct dp_dump_row dumped;
	uint32_t more;
	assert_int_equal(sessions_dump(w->ss, 0, 1, 0, &dumped, &more), 1);
	assert_int_equal(dumped.play_done[0], 1);
	/* anew: what is played now is the one that has the number now */
	s.leg[0].play.serial = 2;
	assert_int_equal(modify(w, &s, 2), 0);
	assert_int_equal(prompts_bytes(w->prompts), 100);
	assert_int_equal(sessions_dump(w->ss, 0, 1, 0, &dumped, &more), 1);
	assert_int_equal(dumped.play_done[0], 0);
	/* deleted, and played yet */
	assert_int_equal(prompts_del(w->prompts, 1), 0);
	assert_int_equal(add(w, &s, 2), 0);
	s.leg[0].play.serial = 3;
	assert_int_equal(modify(w, &s, 2), -ENODATA);
	assert_int_equal(prompts_bytes(w->prompts), 100);
	fake.n_order = 0;
	uint32_t tag = v->tag;
	assert_int_equal(modify(w, &relay, 2), 0);
	assert_order(3, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET, MCORE_VOICE_SET});
	assert_int_equal(prompts_bytes(w->prompts), 0);
	assert_int_equal(fake_n_voices(), 0);
	sessions_played(w->ss, &(struct worker_played){.slot = slot + 1, .tag = tag, .serial = 2});
	assert_int_equal(w->n_played, 1);
	assert_int_equal(del(w, 1), 0);
}

static struct dp_session member(uint64_t id, uint32_t room)
{
	struct dp_session s = sample_session(id);
	sample_one_leg(&s);
	sample_play(&s, 0, DP_PLAY_ROOM);
	s.leg[0].play.id = room;
	return s;
}

/* All members of a room are on one core; rooms are spread, and go with the last member. */
static void test_rooms(void **state)
{
	struct world *w = *state;
	uint32_t thread[2] = {0}, slot = 0;
	for (uint64_t id = 1; id <= 20; id++) {
		struct dp_session s = member(id, 1 + id % 2);
		assert_int_equal(add(w, &s, 1), 0);
		slot = w->reply.stream[0];
		const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
		const struct stream_voice *heard = &fake.slots[slot].conf.more.voice;
		assert_true(v->from[1].member && !v->from[0].member);
		assert_int_equal(heard->to, STREAM_TO_ROOM);
		assert_int_equal(heard->tag, v->tag);
		assert_int_equal(heard->core + N_WORKERS, v->thread[1]);
		assert_int_equal(fake.slots[slot + 1].conf.more.voice.tag, v->tag);
		if (!thread[id % 2])
			thread[id % 2] = v->thread[1];
		assert_int_equal(v->thread[1], thread[id % 2]);
	}
	assert_int_not_equal(thread[0], thread[1]);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	/* from one to the other: the old core forgets it when the streams know */
	struct dp_session s = member(20, 2);
	fake.n_order = 0;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(4, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET,
				MCORE_VOICE_SET});
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	assert_int_equal(v->thread[1], thread[1]);
	assert_null(v->cores[thread[0]].from[1].member);
	assert_int_equal(v->cores[thread[0]].tag, 0);
	assert_int_equal(fake.slots[slot].conf.more.voice.core + N_WORKERS, thread[1]);
	/* another codec: it stays where it is */
	s.leg[0].send = (struct dp_send){.codec = DP_CODEC_PCMU};
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 0);
	assert_int_equal(fake_n_voices(), 0);
}

/* A room that is full, too many rooms; and that whoever was refused took no place. */
static void test_rooms_full(void **state)
{
	struct world *w = *state;
	for (uint64_t id = 1; id <= DP_ROOM_MEMBERS_MAX; id++) {
		struct dp_session s = member(id, 7);
		assert_int_equal(add(w, &s, 1), 0);
	}
	struct dp_session late = member(90, 7), other = member(90, 8);
	assert_int_equal(add(w, &late, 1), -EUSERS);
	assert_int_equal(add(w, &other, 1), 0);
	assert_int_equal(modify(w, &late, 1), -EUSERS);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	/* who is there may change */
	struct dp_session s = member(1, 7);
	s.leg[0].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 1), 0);
	/* a session for which there is no row makes no room */
	for (uint64_t id = 200; id < 200 + MAX_SESSIONS - DP_ROOM_MEMBERS_MAX - 1; id++) {
		s = sample_session(id);
		assert_int_equal(add(w, &s, 1), 0);
	}
	s = member(95, 9);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	for (uint64_t id = 200; id < 200 + MAX_SESSIONS - DP_ROOM_MEMBERS_MAX - 1; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(del(w, 5), 0);
	assert_int_equal(modify(w, &late, 1), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 1);
	s = member(91, 7);
	assert_int_equal(add(w, &s, 1), -EUSERS);
	for (uint64_t id = 1; id <= DP_ROOM_MEMBERS_MAX; id++)
		assert_int_equal(del(w, id), id == 5 ? -ENOENT : 0);
	assert_int_equal(del(w, 90), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 0);
}

static void test_voice_refused(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	assert_int_equal(add(w, &s, 1), 0);
	struct dp_session bad = s;
	/* whatever build this is: a codec that it has not, and what no codec can do */
	bad.leg[1].send.params.ptime_ms = 13;
	assert_int_equal(modify(w, &bad, 1), -EINVAL);
	bad = s;
	bad.leg[1].send.codec = 0;
	assert_int_equal(modify(w, &bad, 1), -EINVAL);
	assert_int_equal(fake.voices[0].n_sets, 1);
	assert_int_equal(del(w, 1), 0);
	/* all rows taken: nothing is left over of what was made */
	for (uint64_t id = 1; id <= MAX_SESSIONS; id++) {
		s = sample_session(id);
		assert_int_equal(add(w, &s, 1), 0);
	}
	s = sample_session(MAX_SESSIONS + 1);
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	assert_int_equal(fake_n_voices(), 0);
}

/* To the core with the most head-room, also before it shows what was placed there. */
static void test_voice_placing(void **state)
{
	struct world *w = *state;
	unsigned int n[N_MCORES] = {0};
	w->loads[0].busy_permille = 500;
	w->loads[1].busy_permille = 460;
	for (uint64_t id = 1; id <= 20; id++) {
		struct dp_session s = sample_session(id);
		sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
		assert_int_equal(add(w, &s, 1), 0);
		n[fake.voices[w->reply.stream[0] / DP_LEGS].thread[0] - N_WORKERS]++;
		if (id == 4)
			assert_int_equal(n[1], 4);
	}
	assert_in_range(n[0], 5, 10);
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(fake_n_voices(), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_voice),
		T(test_play),
		T(test_rooms),
		T(test_rooms_full),
		T(test_voice_refused),
		T(test_voice_placing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
