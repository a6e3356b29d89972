/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-dataplane: starts DPDK and the packet workers, then is the control thread itself. It
 * serves the session API, follows the kernel's tables, and carries frames between the workers
 * and the TAP twins. Everything it knows of ports and sessions comes from limen-control.
 *
 * The loop sleeps in libevent; a worker that has something for us rings the doorbell
 * (core/worker.h). After each turn all rings are looked at, so no ring has a callback of its own.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/pace.h"
#include "controlplane/base/secret.h"
#include "dataplane/core/worker.h"
#include "dataplane/eal.h"
#include "dataplane/linux/mirror.h"
#include "dataplane/linux/rtnl.h"
#include "dataplane/linux/rights.h"
#include "dataplane/options.h"
#include "dataplane/ports/ports.h"
#include "dataplane/server/natlink.h"
#include "dataplane/server/load.h"
#include "dataplane/server/server.h"
#include "dataplane/server/taplink.h"
#include "dataplane/transcode/codec.h"

LOG_TOPIC("main");

#define NTP_EPOCH_S   UINT64_C(2208988800) /* from 1900 to 1970 */
#define PUNT_BURST    256
#define EVENT_BURST   64
#define TIMERS_MS     100 /* resolution of media timeouts */
#define SECOND_MS     1000
#define STALE_PROBE_S 10 /* well under the kernel's gc_stale_time of 60 s */
#define MEMPOOL_CACHE 256
#define REST_US	      2000 /* between turns, when much comes for Linux; base/pace.h */

/* The whole process; each part owns itself. */
struct dp {
	struct options options;
	struct eal eal;
	struct event_base *base;
	struct event *doorbell, *timers, *second, *sigterm, *sigint;
	struct rte_mempool *pool;
	struct segment segment;
	struct srtp_choice srtp_choice;
	struct srtp_engine *srtp; /* the control thread's own */
	struct worker_group *group;
	struct mail *mail;
	struct mirror *mirror;
	struct rtnl *rtnl;
	struct ports *ports;
	struct acls *acls;
	struct blocks *blocks;
	struct addrs *addrs;
	struct media media;
	struct prompts *prompts;
	struct sessions *sessions;
	struct natlink *natlink;
	struct taplink *taplink;
	struct server *server;
	struct load load;
	bool workers_run, stopping;
	uint64_t seconds;
};

/* ---- callbacks between the parts ---- */

static void on_hop_changed(struct mirror_hop *hop, void *arg)
{
	struct dp *dp = arg;
	sessions_hop_changed(dp->sessions, hop);
}

static void on_routes_changed(void *arg)
{
	struct dp *dp = arg;
	if (dp->sessions)
		sessions_routes_changed(dp->sessions);
}

static void on_hop_probe(const struct mirror_hop *hop, void *arg)
{
	struct dp *dp = arg;
	uint8_t index, mac[6];
	/* What does not leave by one of our ports is none of our business. */
	if (ports_egress(dp->ports, hop->ifindex, &index, mac))
		rtnl_probe(dp->rtnl, hop);
}

static const struct mirror_ops mirror_ops = {on_hop_changed, on_routes_changed, on_hop_probe};

static void on_session_done(
	void *arg, const struct session_ticket *ticket, int status, const void *body, size_t len)
{
	struct dp *dp = arg;
	server_session_done(dp->server, ticket, status, body, len);
}

static void on_session_event(void *arg, enum dp_msg type, const struct dp_event *event)
{
	struct dp *dp = arg;
	server_session_event(dp->server, type, event);
}

static bool on_egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	const struct dp *dp = arg;
	return ports_egress(dp->ports, ifindex, ret_port, ret_mac);
}

static struct rte_mbuf *on_frame(void *arg)
{
	struct dp *dp = arg;
	return rte_pktmbuf_alloc(dp->pool);
}

/* RFC 3550 4: seconds since 1900, and their parts of 2^32. */
static uint64_t on_ntp(void *arg, uint64_t *ret_tsc)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*ret_tsc = rte_rdtsc();
	return ((uint64_t)ts.tv_sec + NTP_EPOCH_S) << 32 |
	       ((uint64_t)ts.tv_nsec << 32) / 1000000000u;
}

static void on_dtmf(void *arg, const struct dp_event_dtmf *event)
{
	struct dp *dp = arg;
	server_dtmf_event(dp->server, event);
}

static void on_played(void *arg, const struct dp_event_play *event)
{
	struct dp *dp = arg;
	server_play_event(dp->server, event);
}

static const struct sessions_ops sessions_ops = {.done = on_session_done,
	.event = on_session_event,
	.frame = on_frame,
	.ntp = on_ntp,
	.dtmf = on_dtmf,
	.egress = on_egress,
	.played = on_played};

static void on_nat_packet(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	struct dp *dp = arg;
	server_nat_packet(dp->server, head, bytes);
}

static const struct natlink_ops natlink_ops = {on_nat_packet, on_egress};

static bool on_tap_ready(void *arg)
{
	const struct dp *dp = arg;
	return server_rec_ready(dp->server);
}

static void on_tap_packets(void *arg, const struct dp_tap *head, const uint8_t *records, size_t len)
{
	struct dp *dp = arg;
	server_rec_packets(dp->server, head, records, len);
}

static const struct taplink_ops taplink_ops = {on_tap_ready, on_tap_packets};

static void on_port_link(void *arg, const struct dp_event_port *event)
{
	struct dp *dp = arg;
	server_port_event(dp->server, event);
}

static void on_ports_changed(void *arg)
{
	struct dp *dp = arg;
	media_rebind(&dp->media);
	sessions_routes_changed(dp->sessions);
}

/* From its first frame on a port has its access list, and its sources are blocked. */
static int on_port_opening(void *arg)
{
	struct dp *dp = arg;
	int err = acls_access_post(dp->acls);
	return err ? err : blocks_ports_post(dp->blocks);
}

static const struct ports_ops ports_ops = {on_port_link, on_ports_changed, on_port_opening};

/* ---- the loop ---- */

static unsigned int collect_played(struct dp *dp)
{
	struct worker_played played[EVENT_BURST];
	unsigned int n = worker_played(dp->group, played, EVENT_BURST);
	for (unsigned int i = 0; i < n; i++)
		sessions_played(dp->sessions, &played[i]);
	return n;
}

/* Everything that waits in the rings. True when there is more than one turn's worth. */
static bool collect(struct dp *dp)
{
	struct rte_mbuf *frames[PUNT_BURST];
	struct worker_event events[EVENT_BURST];
	mail_turn(dp->mail);
	unsigned int n_events = worker_events(dp->group, events, EVENT_BURST);
	for (unsigned int i = 0; i < n_events; i++)
		sessions_learned(dp->sessions, &events[i]);
	struct worker_digit digits[EVENT_BURST];
	unsigned int n_digits = worker_digits(dp->group, digits, EVENT_BURST);
	for (unsigned int i = 0; i < n_digits; i++)
		sessions_digit(dp->sessions, &digits[i]);
	unsigned int n_played = collect_played(dp);
	unsigned int n_frames = worker_punts(dp->group, frames, PUNT_BURST);
	ports_punt(dp->ports, frames, n_frames);
	bool more_nat = natlink_collect(dp->natlink) > 0;
	bool more_tap = taplink_collect(dp->taplink, clock_mono_us(), rte_rdtsc());
	bool more = sessions_turn(dp->sessions, clock_mono_ms(), rte_rdtsc());
	return more || more_nat || more_tap || n_events == EVENT_BURST || n_digits == EVENT_BURST ||
	       n_played == EVENT_BURST || n_frames == PUNT_BURST;
}

static void loop(struct dp *dp)
{
	struct pace pace;
	bool more = false;

	pace_init(&pace, REST_US, clock_mono_us());
	while (!dp->stopping) {
		if (!more)
			pace_rest(&pace);
		more = collect(dp);
		bool armed = !more && worker_doorbell_arm(dp->group);
		event_base_loop(dp->base, armed ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
		if (armed)
			worker_doorbell_disarm(dp->group);
		/* What workers that sleep were asked for is done already: answer in this turn. */
		if (mail_turn(dp->mail))
			server_flush(dp->server);
	}
}

static void on_doorbell(evutil_socket_t fd, short what, void *arg)
{
	uint64_t rings;
	/* Only wakes us; nothing depends on how often it rang. */
	if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_warning("doorbell: %s", strerror(errno));
}

static void on_timers(evutil_socket_t fd, short what, void *arg)
{
	/* sessions_turn() runs after every turn of the loop; this only sees to it that there is
	 * one. */
}

static void header_write(struct dp *dp)
{
	struct dp_stats_header *h = dp->segment.header;
	h->heartbeat_ms = clock_mono_ms();
	h->mbufs_in_use = rte_mempool_in_use_count(dp->pool);
	server_stats(dp->server);
	taplink_counts(dp->taplink, &h->tap_packets, &h->tap_lost);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct dp *dp = arg;
	ports_watch(dp->ports);
	natlink_second(dp->natlink, clock_mono_ms());
	header_write(dp);
	load_second(&dp->load, &dp->segment);
	blocks_second(dp->blocks, rte_rdtsc());
	mirror_probe_used(dp->mirror, ++dp->seconds % STALE_PROBE_S == 0);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct dp *dp = arg;
	log_notice("signal %d: stopping", (int)fd);
	dp->stopping = true;
}

/* ---- start and end ---- */

static int event_start(struct event **ev, struct event_base *base, int fd, short what,
	event_callback_fn fn, struct dp *dp, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	*ev = event_new(base, fd, what | EV_PERSIST, fn, dp);
	return !*ev || event_add(*ev, ms ? &tv : NULL) ? -ENOMEM : 0;
}

/* Which back ends do SRTP here; what to show of it. */
static int srtp_start(struct dp *dp)
{
	struct dp_stats_header *h = dp->segment.header;
	int err = srtp_choose(&dp->srtp_choice);
	if (!err)
		err = srtp_engine_new(&dp->srtp_choice, &dp->srtp);
	if (err) {
		log_err("no library on this CPU does AES and SHA-1 for SRTP");
		return err;
	}
	snprintf(h->srtp_cm, sizeof h->srtp_cm, "%s", srtp_backend_name(dp->srtp_choice.cm));
	snprintf(h->srtp_gcm, sizeof h->srtp_gcm, "%s", srtp_backend_name(dp->srtp_choice.gcm));
	log_info("SRTP with AES-CM by %s, with GCM by %s", h->srtp_cm, h->srtp_gcm);
	return 0;
}

static int packet_path_new(struct dp *dp)
{
	const struct options *o = &dp->options;
	int err = segment_new(o->n_workers, o->n_mcores, o->max_sessions * DP_LEGS, &dp->segment);
	if (err)
		return err;
	dp->pool = rte_pktmbuf_pool_create("limen", o->n_mbufs - 1, MEMPOOL_CACHE, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct worker_group_conf conf = {
		.name = "w",
		.n_workers = o->n_workers,
		.n_streams = o->max_sessions * DP_LEGS,
		.socket_id = SOCKET_ID_ANY,
		.stats = dp->segment.workers,
		.stream_stats = dp->segment.streams,
		.stream_rare = dp->segment.rare,
		.stream_srtp = dp->segment.srtp,
		.acl_counts = dp->segment.acl_counts,
		.block_counts = dp->segment.block_counts,
		.n_mcores = o->n_mcores,
		.mcore_stats = dp->segment.mcores,
		.pool = dp->pool,
	};
	err = srtp_start(dp);
	if (err)
		return err;
	conf.srtp = dp->srtp_choice;
	err = dp->pool ? worker_group_new(&conf, &dp->group) : -ENOMEM;
	if (err) {
		log_err("the packet memory of %u MB is too small for %u sessions and %u buffers: "
			"give more with --memory",
			dp->eal.memory_mb, o->max_sessions, o->n_mbufs);
		return err;
	}
	struct dp_stats_header *h = dp->segment.header;
	secret_random(&h->boot_id, sizeof h->boot_id);
	h->tsc_hz = rte_get_tsc_hz();
	h->hugepages = dp->eal.hugepages;
	h->mbufs_total = dp->pool->size;
	h->codecs = o->n_mcores ? codec_mask() : 0;
	return 0;
}

static int natlink_start(struct dp *dp)
{
	struct natlink_conf conf = {
		.group = dp->group,
		.pool = dp->pool,
		.mirror = dp->mirror,
		.sessions = dp->sessions,
		.ops = &natlink_ops,
		.arg = dp,
	};
	dp->natlink = natlink_new(&conf);
	return dp->natlink ? 0 : -ENOMEM;
}

static int taplink_start(struct dp *dp)
{
	struct taplink_conf conf = {
		.group = dp->group,
		.n_workers = dp->options.n_workers,
		.stats = dp->segment.workers,
		.tsc_hz = rte_get_tsc_hz(),
		.ops = &taplink_ops,
		.arg = dp,
	};
	dp->taplink = taplink_new(&conf);
	return dp->taplink ? 0 : -ENOMEM;
}

static int tables_new(struct dp *dp)
{
	const struct options *o = &dp->options;
	int err = mail_new(dp->group, &dp->mail);
	dp->mirror = mirror_new(&mirror_ops, dp);
	dp->addrs = addrs_new();
	dp->prompts = prompts_new();
	if (err || !dp->mirror || !dp->addrs || !dp->prompts)
		return -ENOMEM;
	struct ports_conf ports = {
		.base = dp->base,
		.group = dp->group,
		.mail = dp->mail,
		.pool = dp->pool,
		.n_workers = o->n_workers,
		.stats = dp->segment.ports,
		.workers = dp->segment.workers,
		.ops = &ports_ops,
		.arg = dp,
	};
	err = ports_new(&ports, &dp->ports);
	if (err)
		return err;
	struct acls_conf acls = {
		.ports = dp->ports,
		.mail = dp->mail,
		.n_workers = o->n_workers,
		.info = dp->segment.acls,
		.make = acl_new,
		.unmake = acl_free,
	};
	err = acls_new(&acls, &dp->acls);
	if (err)
		return err;
	struct blocks_conf blocks = {
		.ports = dp->ports,
		.mail = dp->mail,
		.n_workers = o->n_workers,
		.tsc_hz = rte_get_tsc_hz(),
		.make = worker_blocks_new,
		.unmake = worker_blocks_free,
	};
	err = blocks_new(&blocks, &dp->blocks);
	if (err)
		return err;
	dp->media = (struct media){dp->addrs, dp->ports, dp->mail, dp->group, o->n_workers};
	uint64_t seed;
	secret_random(&seed, sizeof seed);
	struct sessions_conf sessions = {
		.max_sessions = o->max_sessions,
		.n_workers = o->n_workers,
		.tsc_hz = rte_get_tsc_hz(),
		.seed = seed,
		.mail = dp->mail,
		.mirror = dp->mirror,
		.addrs = dp->addrs,
		.stream_stats = dp->segment.streams,
		.stream_rare = dp->segment.rare,
		.srtp = dp->srtp,
		.prompts = dp->prompts,
		.codecs = dp->segment.header->codecs,
		.n_mcores = o->n_mcores,
		.mcore_loads = dp->segment.loads + o->n_workers,
		.ops = &sessions_ops,
		.arg = dp,
	};
	err = sessions_new(&sessions, clock_mono_ms(), &dp->sessions);
	if (!err)
		err = natlink_start(dp);
	if (!err)
		err = taplink_start(dp);
	if (!err)
		err = rtnl_new(dp->base, dp->mirror, &dp->rtnl);
	return err;
}

static int server_start(struct dp *dp)
{
	char path[128];
	struct server_conf conf = {
		.base = dp->base,
		.control_uid_set = dp->options.control_uid_set,
		.control_uid = dp->options.control_uid,
		.n_workers = dp->options.n_workers,
		.max_sessions = dp->options.max_sessions,
		.boot_id = dp->segment.header->boot_id,
		.sessions = dp->sessions,
		.prompts = dp->prompts,
		.ports = dp->ports,
		.media = &dp->media,
		.acls = dp->acls,
		.blocks = dp->blocks,
		.natlink = dp->natlink,
		.nat_uid_set = dp->options.nat_uid_set,
		.nat_uid = dp->options.nat_uid,
		.rec_uid_set = dp->options.rec_uid_set,
		.rec_uid = dp->options.rec_uid,
		.segment = &dp->segment,
		.tsc = rte_rdtsc,
	};
	int err = server_new(&conf, &dp->server);
	if (err)
		return err;
	snprintf(path, sizeof path, "%s/dataplane.sock", dp->options.run_dir);
	if (mkdir(dp->options.run_dir, 0755) && errno != EEXIST)
		log_debug("mkdir %s: %s", dp->options.run_dir, strerror(errno));
	return server_listen(dp->server, path);
}

static int events_start(struct dp *dp)
{
	int bell = worker_doorbell_fd(dp->group);
	int err = event_start(&dp->doorbell, dp->base, bell, EV_READ, on_doorbell, dp, 0);
	if (!err)
		err = event_start(&dp->timers, dp->base, -1, 0, on_timers, dp, TIMERS_MS);
	if (!err)
		err = event_start(&dp->second, dp->base, -1, 0, on_second, dp, SECOND_MS);
	if (!err)
		err = event_start(&dp->sigterm, dp->base, SIGTERM, EV_SIGNAL, on_signal, dp, 0);
	if (!err)
		err = event_start(&dp->sigint, dp->base, SIGINT, EV_SIGNAL, on_signal, dp, 0);
	return err;
}

static int dp_start(struct dp *dp)
{
	dp->base = event_base_new();
	if (!dp->base)
		return -ENOMEM;
	int err = eal_start(&dp->options, &dp->eal);
	if (!err)
		err = packet_path_new(dp);
	if (!err)
		err = tables_new(dp);
	if (!err)
		err = events_start(dp);
	if (!err)
		err = worker_group_start(dp->group, dp->eal.lcores);
	dp->workers_run = err == 0;
	if (!err)
		err = server_start(dp);
	return err;
}

/* In reverse order of dp_start(), whatever of it was done. */
static void dp_stop(struct dp *dp)
{
	struct event *events[] = {dp->doorbell, dp->timers, dp->second, dp->sigterm, dp->sigint};
	server_free(dp->server);
	if (dp->workers_run)
		worker_group_stop(dp->group);
	ports_free(dp->ports);
	acls_free(dp->acls);
	blocks_free(dp->blocks);
	rtnl_free(dp->rtnl);
	natlink_free(dp->natlink);
	taplink_free(dp->taplink);
	sessions_free(dp->sessions);
	addrs_free(dp->addrs);
	mirror_free(dp->mirror);
	srtp_engine_free(dp->srtp);
	worker_group_free(dp->group);
	prompts_free(dp->prompts);
	mail_free(dp->mail);
	segment_free(&dp->segment);
	for (unsigned int i = 0; i < sizeof events / sizeof events[0]; i++)
		if (events[i])
			event_free(events[i]);
	if (dp->base)
		event_base_free(dp->base);
	if (dp->eal.memory_mb)
		(void)rte_eal_cleanup();
}

int main(int argc, char **argv)
{
	static struct dp dp;
	log_init("limen-dataplane", LOG_L_NOTICE);
	int err = options_parse(argc, argv, &dp.options);
	if (err)
		return err > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	log_set_level(dp.options.log_level);
	signal(SIGPIPE, SIG_IGN);
	if (rights_reduce())
		return EXIT_FAILURE;
	err = dp_start(&dp);
	if (!err) {
		log_notice("ready: %u workers, %u media cores, room for %u sessions",
			dp.options.n_workers, dp.options.n_mcores, dp.options.max_sessions);
		(void)notify_send("READY=1");
		loop(&dp);
		(void)notify_send("STOPPING=1");
	} else {
		log_err("limen-dataplane cannot start: %s", strerror(-err));
	}
	dp_stop(&dp);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
