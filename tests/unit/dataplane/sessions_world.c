/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sessions_world.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/codec.h"
#include "sessions_world.h"

static void done(
	void *arg, const struct session_ticket *ticket, int status, const void *body, size_t len)
{
	struct world *w = arg;
	w->n_done++;
	w->status = status;
	w->ticket = *ticket;
	if (len == sizeof w->reply)
		memcpy(&w->reply, body, len);
	if (len == sizeof w->final)
		memcpy(&w->final, body, len);
}

static void event(void *arg, enum dp_msg type, const struct dp_event *e)
{
	struct world *w = arg;
	w->n_events++;
	w->event_type = type;
	w->event = *e;
}

static bool egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	const struct world *w = arg;
	if (w->no_egress || (ifindex != IF_A && ifindex != IF_B))
		return false;
	*ret_port = ifindex == IF_A ? 0 : 1;
	memset(ret_mac, ifindex, 6);
	return true;
}

static void dtmf(void *arg, const struct dp_event_dtmf *e)
{
	struct world *w = arg;
	w->n_events++;
	w->dtmf = *e;
}

static void played(void *arg, const struct dp_event_play *e)
{
	struct world *w = arg;
	w->n_played++;
	w->played = *e;
}

static const struct sessions_ops ops = {
	.done = done, .event = event, .egress = egress, .dtmf = dtmf, .played = played};

static void hop_changed(struct mirror_hop *hop, void *arg)
{
	sessions_hop_changed(((struct world *)arg)->ss, hop);
}

static void routes_changed(void *arg)
{
	struct world *w = arg;
	if (w->ss)
		sessions_routes_changed(w->ss);
}

static void hop_probe(const struct mirror_hop *hop, void *arg)
{
	((struct world *)arg)->n_probes++;
}

static const struct mirror_ops mirror_ops = {hop_changed, routes_changed, hop_probe};

void neighbour(struct world *w, int ifindex, const char *ip, const uint8_t *mac)
{
	struct ipaddr a = sample_ip(ip, 0);
	assert_int_equal(mirror_neigh_set(w->mirror, ifindex, &a, mac, false), 0);
}

void link_route(struct world *w, const char *dst, uint8_t len, int ifindex)
{
	struct mirror_route r = {.dst = sample_ip(dst, 0), .prefix_len = len, .ifindex = ifindex};
	assert_int_equal(mirror_route_set(w->mirror, &r), 0);
}

int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	fake_reset();
	assert_int_equal(mail_new(NULL, &w->mail), 0);
	w->mirror = mirror_new(&mirror_ops, w);
	w->addrs = addrs_new();
	w->prompts = prompts_new();
	static const char *const ips[] = {"192.0.2.1", "198.51.100.1", "2001:db8::1"};
	for (unsigned int i = 0; i < 3; i++) {
		struct dp_media_addr m = {.port_lo = 16384, .port_hi = 32767};
		uint8_t index;
		m.addr = sample_ip(ips[i], 0);
		assert_int_equal(addrs_set(w->addrs, &m, &index), 0);
	}
	struct sessions_conf conf = {
		.max_sessions = MAX_SESSIONS,
		.n_workers = N_WORKERS,
		.tsc_hz = TSC_HZ,
		.mail = w->mail,
		.mirror = w->mirror,
		.addrs = w->addrs,
		.stream_stats = w->stats,
		.stream_rare = w->rare,
		.srtp = fake_srtp_engine(),
		.prompts = w->prompts,
		.codecs = codec_mask(),
		.n_mcores = N_MCORES,
		.mcore_loads = w->loads,
		.ops = &ops,
		.arg = w,
	};
	link_route(w, "192.0.2.0", 24, IF_A);
	link_route(w, "198.51.100.0", 24, IF_B);
	assert_int_equal(sessions_new(&conf, 1000, &w->ss), 0);
	sessions_turn(w->ss, 1000, TSC(1000));
	*state = w;
	return 0;
}

int teardown(void **state)
{
	struct world *w = *state;
	sessions_free(w->ss);
	mirror_free(w->mirror);
	addrs_free(w->addrs);
	prompts_free(w->prompts);
	mail_free(w->mail);
	free(w);
	return 0;
}

struct session_ticket ticket(uint32_t seq, uint32_t generation)
{
	return (struct session_ticket){.client = 1, .seq = seq, .generation = generation};
}

int add(struct world *w, const struct dp_session *s, uint32_t generation)
{
	struct session_ticket t = ticket(7, generation);
	int err = sessions_add(w->ss, s, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

int modify(struct world *w, const struct dp_session *s, uint32_t generation)
{
	struct session_ticket t = ticket(8, generation);
	int err = sessions_modify(w->ss, s, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

int del(struct world *w, uint64_t id)
{
	struct session_ticket t = ticket(9, 1);
	int err = sessions_remove(w->ss, id, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

void turn(struct world *w, uint64_t ms)
{
	while (sessions_turn(w->ss, ms, TSC(ms)))
		mail_turn(w->mail);
	mail_turn(w->mail);
}
