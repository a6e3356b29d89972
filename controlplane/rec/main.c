/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-rec: writes recordings of calls to WAV files. A client of limen-control, which says what is
 * recorded, and of limen-dataplane, which brings copies of the RTP. It decodes what strangers send
 * and waits for disks, so it is a process of its own: with no socket to the outside, no rights but
 * to its directory, and nothing that a call needs. One thread.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/ipc_link.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/rights.h"
#include "controlplane/base/secret.h"
#include "controlplane/rec/rec.h"

LOG_TOPIC("main");

#define QUEUE_MAX 8192
#define TICK_MS	  100 /* while something is recorded */
#define IDLE_MS	  1000
#define INFO_MS	  1000

struct process {
	struct event_base *base;
	struct rec *rec;
	struct ipc_link control, dataplane;
	struct event *tick;
	uint64_t boot_id;
	uint64_t info_ms; /* when figures were told last */
};

static struct process *process_of(const struct ipc_peer *peer)
{
	return ipc_link_of(peer)->owner;
}

/* ---- what goes ---- */

static void send_info(struct process *p)
{
	struct ctl_rec_info info;

	if (!p->control.greeted)
		return;
	rec_info(p->rec, &info);
	(void)ipc_send(p->control.peer, CTL_REC_INFO, 0, 0, 0, &info, sizeof(info), NULL, 0);
}

static void on_status(void *arg, const struct ctl_rec_status *status)
{
	const struct process *p = arg;

	/* When it is away it is told all when it is back. */
	if (p->control.greeted)
		(void)ipc_send(
			p->control.peer, CTL_REC_STATUS, 0, 0, 0, status, sizeof(*status), NULL, 0);
}

static const struct rec_ops rec_ops = {on_status};

/* ---- time ---- */

static void tick_later(struct process *p)
{
	unsigned int ms = rec_busy(p->rec) ? TICK_MS : IDLE_MS;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_add(p->tick, &tv);
}

/* ---- what comes ---- */

static int on_control_hello(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_hello_reply *reply = body;
	struct process *p = process_of(peer);

	if (hdr->status < 0)
		return hdr->status;
	p->control.greeted = true;
	ipc_peer_set_role(peer, IPC_ROLE_CONTROL);
	log_notice("limen-control is there");
	rec_control(p->rec, reply->boot_id, clock_mono_us());
	send_info(p);
	return 0;
}

static int on_policy(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	return rec_policy(process_of(peer)->rec, body) < 0 ? -EPROTO : 0;
}

static int on_set(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_rec *msg = body;
	int rc = rec_set(process_of(peer)->rec, msg, clock_mono_us());

	if (rc == -EINVAL)
		return -EPROTO;
	if (rc < 0)
		log_err("call %016llx is not recorded: %s", (unsigned long long)msg->call_id,
			strerror(-rc));
	tick_later(process_of(peer));
	return 0;
}

static int on_end(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	rec_end(process_of(peer)->rec, body, clock_mono_us());
	return 0;
}

static int on_dataplane_hello(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	if (hdr->status < 0)
		return hdr->status;
	process_of(peer)->dataplane.greeted = true;
	ipc_peer_set_role(peer, IPC_ROLE_DATAPLANE);
	log_notice("limen-dataplane is there");
	return 0;
}

static int on_tap(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	return rec_tap(process_of(peer)->rec, body, len, clock_mono_us());
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;
	uint64_t now_us = clock_mono_us();

	rec_tick(p->rec, now_us);
	if (now_us / 1000 >= p->info_ms + INFO_MS) {
		p->info_ms = now_us / 1000;
		send_info(p);
	}
	tick_later(p);
}

/* ---- connections ---- */

#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row control_rows[] = {
	{CTL_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct ctl_hello_reply), "CTL_HELLO reply",
		on_control_hello},
	{CTL_REC_POLICY, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_rec_policy), "CTL_REC_POLICY",
		on_policy},
	{CTL_REC_SET, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_rec), "CTL_REC_SET", on_set},
	{CTL_REC_END, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_rec_end), "CTL_REC_END", on_end},
};
static const struct ipc_table control_table = {
	control_rows, sizeof(control_rows) / sizeof(control_rows[0]), ipc_link_closed, NULL};
static const struct ipc_row dataplane_rows[] = {
	{DP_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct dp_hello_reply), "HELLO reply",
		on_dataplane_hello},
	{DP_TAP, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_tap), IPC_MSG_MAX - sizeof(struct ipc_hdr),
		"TAP", on_tap},
};
static const struct ipc_table dataplane_table = {
	dataplane_rows, sizeof(dataplane_rows) / sizeof(dataplane_rows[0]), ipc_link_closed, NULL};

static int control_hello(struct ipc_link *link)
{
	struct ctl_hello hello = {.api_version = CTL_API_VERSION,
		.role = IPC_ROLE_REC,
		.boot_id = ((struct process *)link->owner)->boot_id};

	return ipc_send(link->peer, CTL_HELLO, ipc_next_seq(link->peer), 0, 0, &hello,
		sizeof(hello), NULL, 0);
}

static int dataplane_hello(struct ipc_link *link)
{
	struct dp_hello hello = {.api_version = DP_API_VERSION, .role = IPC_ROLE_REC};

	return ipc_send(link->peer, DP_HELLO, ipc_next_seq(link->peer), 0, 0, &hello, sizeof(hello),
		NULL, 0);
}

/* ---- the process ---- */

struct args {
	const char *run_dir, *dir, *user;
	enum log_level level;
};

static const char usage[] =
	"limen-rec: writes recordings of Limen's calls.\n"
	"\n"
	"  --run-dir DIR   sockets of limen-control and limen-dataplane (default /run/limen)\n"
	"  --dir DIR       where recordings are written (default /var/lib/limen-rec)\n"
	"  --user USER     become this user when started as root\n"
	"  --log LEVEL     err, warning, notice (default), info, debug\n"
	"  --help, --version\n";

/* 1: done, exit with success. */
static int parse_args(int argc, char **argv, struct args *args)
{
	static const struct option longs[] = {{"run-dir", required_argument, NULL, 'r'},
		{"dir", required_argument, NULL, 'd'}, {"user", required_argument, NULL, 'u'},
		{"log", required_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'r':
			args->run_dir = optarg;
			break;
		case 'd':
			args->dir = optarg;
			break;
		case 'u':
			args->user = optarg;
			break;
		case 'l':
			if (log_level_parse(optarg, &args->level) < 0) {
				fprintf(stderr, "limen-rec: %s is no log level\n", optarg);
				return -EINVAL;
			}
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'v':
			puts("limen-rec " LIMEN_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "limen-rec: what is %s? See --help\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static void stop_cb(evutil_socket_t fd, short what, void *arg)
{
	log_notice("stopping");
	(void)notify_send("STOPPING=1");
	event_base_loopbreak(arg);
}

static int links_start(struct process *p, const char *run_dir)
{
	p->control = (struct ipc_link){.base = p->base,
		.name = "limen-control",
		.table = &control_table,
		.hello = control_hello,
		.queue_max = QUEUE_MAX,
		.owner = p};
	p->dataplane = (struct ipc_link){.base = p->base,
		.name = "limen-dataplane",
		.table = &dataplane_table,
		.hello = dataplane_hello,
		.queue_max = QUEUE_MAX,
		.owner = p};
	int rc = ipc_link_start(&p->control, run_dir, "control.sock");

	return rc < 0 ? rc : ipc_link_start(&p->dataplane, run_dir, "dataplane.sock");
}

static int run(struct process *p, const char *run_dir)
{
	struct event *term = evsignal_new(p->base, SIGTERM, stop_cb, p->base);
	struct event *interrupt = evsignal_new(p->base, SIGINT, stop_cb, p->base);
	int rc = -ENOMEM;

	p->tick = event_new(p->base, -1, 0, tick_cb, p);
	if (term && interrupt && p->tick && event_add(term, NULL) == 0 &&
		event_add(interrupt, NULL) == 0) {
		tick_later(p);
		rc = links_start(p, run_dir);
	}
	if (rc == 0) {
		log_notice("ready");
		(void)notify_send("READY=1");
		event_base_dispatch(p->base);
	}
	ipc_link_stop(&p->control);
	ipc_link_stop(&p->dataplane);
	p->control.greeted = false;
	if (term)
		event_free(term);
	if (interrupt)
		event_free(interrupt);
	if (p->tick)
		event_free(p->tick);
	return rc;
}

int main(int argc, char **argv)
{
	struct args args = {
		.run_dir = "/run/limen", .dir = "/var/lib/limen-rec", .level = LOG_L_NOTICE};
	struct process process = {0};
	int rc = parse_args(argc, argv, &args);

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	log_init("limen-rec", args.level);
	signal(SIGPIPE, SIG_IGN);
	umask(0027);
	if (rights_become(args.user) < 0 || rights_hide_memory() < 0)
		return EXIT_FAILURE;
	secret_random(&process.boot_id, sizeof(process.boot_id));
	process.base = event_base_new();
	rc = process.base ? rec_new(args.dir, &rec_ops, &process, &process.rec) : -ENOMEM;
	if (rc == 0)
		rc = run(&process, args.run_dir);
	if (rc < 0)
		log_err("limen-rec cannot start: %s", strerror(-rc));
	rec_free(process.rec, clock_mono_us());
	if (process.base)
		event_base_free(process.base);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
