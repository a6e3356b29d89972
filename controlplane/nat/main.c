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
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/ipc.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/view.h"
#include "controlplane/nat/nat.h"

LOG_TOPIC("main");

#define RETRY_MS  200
#define QUEUE_MAX 8192
#define LINKS	  2
#define PATH_ROOM 108

struct process;

/* A connection to another process that is made again for ever. */
struct link {
	struct process *process;
	const char *name; /* of the other process */
	const struct ipc_table *table;
	char path[PATH_ROOM];
	struct ipc_peer *peer; /* NULL: away */
	bool greeted;	       /* HELLO was answered */
	struct event *retry;
};

struct process {
	struct event_base *base;
	struct nat *nat;
	struct link control, dataplane;
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
	return ((struct link *)ipc_peer_ctx(peer))->process;
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

static void link_retry(struct link *link)
{
	static const struct timeval tv = {.tv_usec = RETRY_MS * 1000};

	event_add(link->retry, &tv);
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	struct link *link = ipc_peer_ctx(peer);

	log_notice("%s is gone: %s", link->name, why);
	link->peer = NULL;
	link->greeted = false;
	link_retry(link);
}

#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row control_rows[] = {
	{CTL_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct ctl_hello_reply), "CTL_HELLO reply",
		on_control_hello},
	{CTL_NAT_SET, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_nat), "CTL_NAT_SET", on_set},
	{CTL_NAT_DEL, 0, IPC_ROLE_CONTROL, SIZED(struct ctl_nat_id), "CTL_NAT_DEL", on_del},
};
static const struct ipc_table control_table = {
	control_rows, sizeof(control_rows) / sizeof(control_rows[0]), on_closed, NULL};
static const struct ipc_row dataplane_rows[] = {
	{DP_HELLO | IPC_TYPE_REPLY, 0, 0, SIZED(struct dp_hello_reply), "HELLO reply",
		on_dataplane_hello},
	{DP_NAT_RX, 0, IPC_ROLE_DATAPLANE, sizeof(struct dp_nat_packet) + 1,
		sizeof(struct dp_nat_packet) + DP_NAT_BYTES_MAX, "NAT_RX", on_rx},
};
static const struct ipc_table dataplane_table = {
	dataplane_rows, sizeof(dataplane_rows) / sizeof(dataplane_rows[0]), on_closed, NULL};

static int say_hello(struct link *link)
{
	struct ctl_hello to_control = {.api_version = CTL_API_VERSION,
		.role = IPC_ROLE_NAT,
		.boot_id = link->process->boot_id};
	struct dp_hello to_dataplane = {.api_version = DP_API_VERSION, .role = IPC_ROLE_NAT};
	bool control = link == &link->process->control;

	return ipc_send(link->peer, control ? CTL_HELLO : DP_HELLO, ipc_next_seq(link->peer), 0, 0,
		control ? (void *)&to_control : (void *)&to_dataplane,
		control ? sizeof(to_control) : sizeof(to_dataplane), NULL, 0);
}

static void link_try(evutil_socket_t unused, short what, void *arg)
{
	struct link *link = arg;
	int fd = ipc_connect(link->path);

	if (fd < 0) {
		log_debug("cannot connect to %s: %s", link->path, strerror(-fd));
		link_retry(link);
		return;
	}
	link->peer = ipc_peer_new(link->process->base, fd, link->table, QUEUE_MAX, link);
	if (!link->peer) {
		close(fd);
		link_retry(link);
		return;
	}
	if (say_hello(link) < 0)
		ipc_peer_close(link->peer, "HELLO could not be sent");
}

static int link_start(struct process *p, struct link *link, const char *name,
	const struct ipc_table *table, const char *run_dir, const char *socket)
{
	*link = (struct link){.process = p, .name = name, .table = table};
	if ((size_t)snprintf(link->path, sizeof(link->path), "%s/%s", run_dir, socket) >=
		sizeof(link->path))
		return -ENAMETOOLONG;
	link->retry = event_new(p->base, -1, 0, link_try, link);
	if (!link->retry)
		return -ENOMEM;
	link_try(-1, 0, link);
	return 0;
}

static void link_stop(struct link *link)
{
	ipc_peer_free(link->peer);
	if (link->retry)
		event_free(link->retry);
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

static int give_up_rights(const char *user)
{
	const struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;

	if (user && geteuid() == 0 && !pw) {
		log_err("there is no user \"%s\"", user);
		return -ENOENT;
	}
	if (pw && (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
			  setuid(pw->pw_uid) < 0)) {
		log_err("cannot become user \"%s\": %s", user, strerror(errno));
		return -errno;
	}
	if (geteuid() == 0)
		log_warning("runs as root; start it as an ordinary user or with --user");
	/* Its memory holds keys: no core file, and nobody of the same user looks in. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
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
	rc = link_start(p, &p->control, "limen-control", &control_table, run_dir, "control.sock");
	if (rc == 0)
		rc = link_start(p, &p->dataplane, "limen-dataplane", &dataplane_table, run_dir,
			"dataplane.sock");
	if (rc == 0) {
		log_notice("ready");
		(void)notify_send("READY=1");
		event_base_dispatch(p->base);
	}
	link_stop(&p->control);
	link_stop(&p->dataplane);
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
	if (give_up_rights(args.user) < 0)
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
