/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See options.h. */
#include "dataplane/options.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "controlplane/base/view.h"
#include "dataplane/api/dp_stats.h"

static const char help[] =
	"Usage: limen-dataplane [OPTION]...\n"
	"\n"
	"The packet path of Limen. Ports, media addresses and sessions come from limen-control\n"
	"over RUN/dataplane.sock. Stays in the foreground and logs to standard error; SIGTERM\n"
	"ends it.\n"
	"\n"
	"  --run-dir DIR        where the socket is made (/run/limen)\n"
	"  --workers N          packet workers, 1 to 32 (1)\n"
	"  --worker-cpus LIST   pin worker n to the n-th CPU of LIST, as in 2,3,5-7 (workers "
	"float)\n"
	"  --media-cores N      threads that transcode, 0 to 32 (1); 0: no transcoding\n"
	"  --media-cpus LIST    the same as --worker-cpus, for media cores\n"
	"  --max-sessions N     capacity (20000)\n"
	"  --memory MB          packet memory (reckoned from the capacity)\n"
	"  --mbufs N            packet buffers (32768)\n"
	"  --no-huge            do not use hugepages even if there are some\n"
	"  --control-uid USER   uid or name that may connect besides root\n"
	"  --nat-uid USER       uid or name that may connect as limen-nat besides root\n"
	"  --rec-uid USER       uid or name that may connect as limen-rec besides root\n"
	"  --log-level LEVEL    err, warning, notice, info or debug (notice)\n"
	"  --help, --version\n";

enum {
	OPT_RUN_DIR = 256,
	OPT_WORKERS,
	OPT_WORKER_CPUS,
	OPT_MEDIA_CORES,
	OPT_MEDIA_CPUS,
	OPT_MAX_SESSIONS,
	OPT_MEMORY,
	OPT_MBUFS,
	OPT_NO_HUGE,
	OPT_CONTROL_UID,
	OPT_NAT_UID,
	OPT_REC_UID,
	OPT_LOG_LEVEL,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option longs[] = {
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"worker-cpus", required_argument, NULL, OPT_WORKER_CPUS},
	{"media-cores", required_argument, NULL, OPT_MEDIA_CORES},
	{"media-cpus", required_argument, NULL, OPT_MEDIA_CPUS},
	{"max-sessions", required_argument, NULL, OPT_MAX_SESSIONS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"mbufs", required_argument, NULL, OPT_MBUFS},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"control-uid", required_argument, NULL, OPT_CONTROL_UID},
	{"nat-uid", required_argument, NULL, OPT_NAT_UID},
	{"rec-uid", required_argument, NULL, OPT_REC_UID},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static int number(
	const char *name, const char *text, unsigned int min, unsigned int max, unsigned int *ret)
{
	uint64_t value;
	if (view_to_u64(view_of(text), max, &value) || value < min) {
		fprintf(stderr, "limen-dataplane: %s takes a number from %u to %u, not '%s'\n",
			name, min, max, text);
		return -EINVAL;
	}
	*ret = (unsigned int)value;
	return 0;
}

static int user(const char *text, bool *ret_set, uid_t *ret_uid)
{
	uint64_t value;
	const struct passwd *pw = getpwnam(text);
	if (pw) {
		*ret_uid = pw->pw_uid;
	} else if (view_to_u64(view_of(text), UINT32_MAX - 1, &value) == 0) {
		*ret_uid = (uid_t)value;
	} else {
		fprintf(stderr, "limen-dataplane: there is no user '%s'\n", text);
		return -EINVAL;
	}
	*ret_set = true;
	return 0;
}

static int run_dir(const char *text, struct options *o)
{
	struct sockaddr_un un;
	if (text[0] != '/' || strlen(text) + sizeof "/dataplane.sock" > sizeof un.sun_path) {
		fprintf(stderr,
			"limen-dataplane: --run-dir takes an absolute path of at most %zu bytes\n",
			sizeof un.sun_path - sizeof "/dataplane.sock");
		return -EINVAL;
	}
	o->run_dir = text;
	return 0;
}

static int one(int opt, const char *arg, struct options *o)
{
	switch (opt) {
	case OPT_RUN_DIR:
		return run_dir(arg, o);
	case OPT_WORKERS:
		return number("--workers", arg, 1, DP_WORKERS_MAX, &o->n_workers);
	case OPT_WORKER_CPUS:
		o->worker_cpus = arg;
		return 0;
	case OPT_MEDIA_CORES:
		return number("--media-cores", arg, 0, DP_MCORES_MAX, &o->n_mcores);
	case OPT_MEDIA_CPUS:
		o->media_cpus = arg;
		return 0;
	case OPT_MAX_SESSIONS:
		return number("--max-sessions", arg, 1, SESSIONS_MAX, &o->max_sessions);
	case OPT_MEMORY:
		return number("--memory", arg, 64, 1u << 20, &o->memory_mb);
	case OPT_MBUFS:
		return number("--mbufs", arg, 2048, 1u << 22, &o->n_mbufs);
	case OPT_NO_HUGE:
		o->no_huge = true;
		return 0;
	case OPT_CONTROL_UID:
		return user(arg, &o->control_uid_set, &o->control_uid);
	case OPT_NAT_UID:
		return user(arg, &o->nat_uid_set, &o->nat_uid);
	case OPT_REC_UID:
		return user(arg, &o->rec_uid_set, &o->rec_uid);
	case OPT_LOG_LEVEL:
		if (log_level_parse(arg, &o->log_level)) {
			fprintf(stderr, "limen-dataplane: there is no log level '%s'\n", arg);
			return -EINVAL;
		}
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("limen-dataplane " LIMEN_VERSION);
		return 1;
	default:
		fputs("Try 'limen-dataplane --help'.\n", stderr);
		return -EINVAL;
	}
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {
		.n_workers = 1,
		.n_mcores = 1,
		.max_sessions = 20000,
		.n_mbufs = 32768,
		.run_dir = "/run/limen",
		.log_level = LOG_L_NOTICE,
	};
	int opt;
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		int err = one(opt, optarg, &o);
		if (err)
			return err;
	}
	if (optind < argc) {
		fprintf(stderr, "limen-dataplane: '%s' is not an option\n", argv[optind]);
		return -EINVAL;
	}
	*ret_options = o;
	return 0;
}
