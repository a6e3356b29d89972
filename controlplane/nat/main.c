/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-nat: DTLS handshakes for media (RFC 5763), apart from everything that has other keys. A
 * client of limen-control, which says what handshakes it wants, and of limen-dataplane, which
 * carries the datagrams. It has no socket to the outside, no file and no rights. When it dies,
 * running media keeps its keys and set-ups wait. One thread.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/ipc_link.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/rights.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/view.h"
#include "controlplane/nat/nat.h"

LOG_TOPIC("main");

#define QUEUE_MAX 8192

struct process {
	struct event_base *base;
	struct nat *nat;
	struct ipc_link control, dataplane;
	struct event *timer, *second;
	uint64_t boot_id;
};

/* ---- time ---- */

static void timer_set(struct process *p)
{
	uint64_t now_ms = clock_mono_ms(), next_ms = nat_timer(p->nat, now_ms);
	uint64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 1;
	struct timeval tv = {.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};

	if (next_ms == UINT64_MAX)
		event_del(p->timer);
	else
		event_add(p->timer, &tv);
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
	timer_set(arg);
}

/* ---- what comes ---- */

static struct process *process_of(const struct ipc_peer *peer)
{
	return ipc_link_of(peer)->owner;
}

static void send_info(struct process *p)
{
	struct ctl_nat_info info;

	if (!p->control.greeted)
		return;
	nat_info(p->nat, &info);
	(void)ipc_send(p->control.peer, CTL_NAT_INFO, 0, 0, 0, &info, sizeof(info), NULL, 0);
}

static int on_control_hello(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct process *p = process_of(peer);

	if (hdr->status < 0)
		return hdr->status;
	p->control.greeted = true;
	ipc_peer_set_role(peer, IPC_ROLE_CONTROL);
	log_notice("limen-control is there");
	send_info(p);
	/* It may be another life of it, which knows no keys. */
	nat_replay(p->nat);
	return ipc_send(peer, CTL_NAT_REPLAY_DONE, 0, 0, 0, NULL, 0, NULL, 0);
}

static int on_set(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_nat *msg = body;
	struct process *p = process_of(peer);
	int rc = nat_set(p->nat, msg, clock_mono_ms());

	if (rc == -EINVAL)
		return -EPROTO;
	if (rc < 0) {
		log_err("no handshake for session %llu: %s", (unsigned long long)msg->id.session_id,
			strerror(-rc));
		(void)ipc_send(peer, CTL_NAT_FAILED, 0, 0, 0, &msg->id, sizeof(msg->id), NULL, 0);
	}
	timer_set(p);
	return 0;
}

static int on_del(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	nat_del(process_of(peer)->nat, body);
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

static int on_rx(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct dp_nat_packet *packet = body;
	struct process *p = process_of(peer);

	if (packet->n != len - sizeof(*packet) || packet->leg >= DP_LEGS)
		return -EPROTO;
	nat_packet(p->nat, packet, clock_mono_ms());
	timer_set(p);
	return 0;
}

/* ---- what goes ---- */

static void on_keys(void *arg, const struct ctl_nat_keys *keys)
{
	const struct process *p = arg;

	/* When it is away: nat_replay() tells it. */
	if (p->control.greeted)
		(void)ipc_send(
			p->control.peer, CTL_NAT_KEYS, 0, 0, 0, keys, sizeof(*keys), NULL, 0);
}

static void on_failed(void *arg, const struct ctl_nat_id *id)
{
	const struct process *p = arg;

	if (p->control.greeted)
		(void)ipc_send(p->control.peer, CTL_NAT_FAILED, 0, 0, 0, id, sizeof(*id), NULL, 0);
}

static void on_send(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	const struct process *p = arg;

	if (p->dataplane.greeted)
		(void)ipc_send(
			p->dataplane.peer, DP_NAT_TX, 0, 0, 0, head, sizeof(*head), bytes, head->n);
}

static const struct nat_ops nat_ops = {on_keys, on_failed, on_send};

/* ---- connections ---- */

#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row control_rows[] = {
	{CTL_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct ctl_hello_reply), "CTL_HELLO reply",
		on_control_hello},
	{CTL_NAT_SET, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_nat), "CTL_NAT_SET", on_set},
	{CTL_NAT_DEL, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_nat_id), "CTL_NAT_DEL", on_del},
};
static const struct ipc_table control_table = {
	control_rows, sizeof(control_rows) / sizeof(control_rows[0]), ipc_link_closed, NULL};
static const struct ipc_row dataplane_rows[] = {
	{DP_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct dp_hello_reply), "HELLO reply",
		on_dataplane_hello},
	{DP_NAT_RX, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_nat_packet) + 1,
		sizeof(struct dp_nat_packet) + DP_NAT_BYTES_MAX, "NAT_RX", on_rx},
};
static const struct ipc_table dataplane_table = {
	dataplane_rows, sizeof(dataplane_rows) / sizeof(dataplane_rows[0]), ipc_link_closed, NULL};

static int control_hello(struct ipc_link *link)
{
	struct ctl_hello hello = {.api_version = CTL_API_VERSION,
		.role = IPC_ROLE_NAT,
		.boot_id = ((struct process *)link->owner)->boot_id};

	return ipc_send(link->peer, CTL_HELLO, ipc_next_seq(link->peer), 0, 0, &hello,
		sizeof(hello), NULL, 0);
}

static int dataplane_hello(struct ipc_link *link)
{
	struct dp_hello hello = {.api_version = DP_API_VERSION, .role = IPC_ROLE_NAT};

	return ipc_send(link->peer, DP_HELLO, ipc_next_seq(link->peer), 0, 0, &hello, sizeof(hello),
		NULL, 0);
}

/* ---- the process ---- */

struct args {
	const char *run_dir, *user;
	enum log_level level;
	uint64_t handshake_s; /* 0: as usual */
};

static const char usage[] =
	"limen-nat: DTLS handshakes of Limen's media.\n"
	"\n"
	"  --run-dir DIR   sockets of limen-control and limen-dataplane (default /run/limen)\n"
	"  --user USER     become this user when started as root\n"
	"  --handshake-time S  end a call without keys after so long, 1 to 300 (default 30)\n"
	"  --log LEVEL     err, warning, notice (default), info, debug\n"
	"  --help, --version\n";

/* 1: done, exit with success. */
static int parse_args(int argc, char **argv, struct args *args)
{
	static const struct option longs[] = {{"run-dir", required_argument, NULL, 'r'},
		{"user", required_argument, NULL, 'u'}, {"log", required_argument, NULL, 'l'},
		{"handshake-time", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'r':
			args->run_dir = optarg;
			break;
		case 'u':
			args->user = optarg;
			break;
		case 't':
			if (view_to_u64(view_of(optarg), 300, &args->handshake_s) < 0 ||
				args->handshake_s == 0) {
				fprintf(stderr, "limen-nat: %s is no time of 1 to 300 seconds\n",
					optarg);
				return -EINVAL;
			}
			break;
		case 'l':
			if (log_level_parse(optarg, &args->level) < 0) {
				fprintf(stderr, "limen-nat: %s is no log level\n", optarg);
				return -EINVAL;
			}
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'v':
			puts("limen-nat " LIMEN_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "limen-nat: what is %s? See --help\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static void second_cb(evutil_socket_t fd, short what, void *arg)
{
	send_info(arg);
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
	static const struct timeval second = {.tv_sec = 1};
	struct event *term = evsignal_new(p->base, SIGTERM, stop_cb, p->base);
	struct event *interrupt = evsignal_new(p->base, SIGINT, stop_cb, p->base);
	int rc = -ENOMEM;

	p->timer = event_new(p->base, -1, 0, timer_cb, p);
	p->second = event_new(p->base, -1, EV_PERSIST, second_cb, p);
	if (!term || !interrupt || !p->timer || !p->second || event_add(term, NULL) < 0 ||
		event_add(interrupt, NULL) < 0 || event_add(p->second, &second) < 0)
		goto out;
	rc = links_start(p, run_dir);
	if (rc == 0) {
		log_notice("ready");
		(void)notify_send("READY=1");
		event_base_dispatch(p->base);
	}
	ipc_link_stop(&p->control);
	ipc_link_stop(&p->dataplane);
out:
	if (term)
		event_free(term);
	if (interrupt)
		event_free(interrupt);
	if (p->timer)
		event_free(p->timer);
	if (p->second)
		event_free(p->second);
	return rc;
}

int main(int argc, char **argv)
{
	struct args args = {.run_dir = "/run/limen", .level = LOG_L_NOTICE};
	struct process process = {0};
	int rc = parse_args(argc, argv, &args);

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	log_init("limen-nat", args.level);
	signal(SIGPIPE, SIG_IGN);
	if (rights_become(args.user) < 0 || rights_hide_memory() < 0)
		return EXIT_FAILURE;
	secret_random(&process.boot_id, sizeof(process.boot_id));
	process.base = event_base_new();
	rc = process.base ? nat_new(&nat_ops, &process, &process.nat) : -ENOMEM;
	if (rc == 0 && args.handshake_s)
		nat_set_patience(process.nat, args.handshake_s * 1000);
	if (rc == 0)
		rc = run(&process, args.run_dir);
	if (rc < 0)
		log_err("limen-nat cannot start: %s", strerror(-rc));
	nat_free(process.nat);
	if (process.base)
		event_base_free(process.base);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
