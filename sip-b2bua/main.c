/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-sip: SIP for Limen. Everything it does is configured over limen-control's socket; the
 * options only say where that is and how many threads work. It needs no rights: started as root
 * it becomes another user first, and it never gains any again.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/rights.h"
#include "sip-b2bua/b2b/b2b.h"

LOG_TOPIC("main");

struct options {
	const char *run_dir;
	const char *user;
	unsigned int n_workers;
	enum log_level log_level;
};

static const char usage[] =
	"Usage: limen-sip [options]\n"
	"\n"
	"  --run-dir DIR      where control.sock of limen-control is (default /run/limen)\n"
	"  --workers N        threads, 1 to 64 (default 1)\n"
	"  --user NAME        become this user (only when started as root)\n"
	"  --log-level LEVEL  err, warning, notice (default), info or debug\n"
	"  --help, --version\n";

static int number_parse(const char *text, unsigned int max, unsigned int *ret_number)
{
	uint64_t value;

	if (view_to_u64(view_of(text), max, &value) < 0 || value == 0)
		return -EINVAL;
	*ret_number = (unsigned int)value;
	return 0;
}

/* 0: go on; 1: done with success; negative: done with failure. */
static int options_parse(int argc, char **argv, struct options *opts)
{
	static const struct option longs[] = {
		{"run-dir", required_argument, NULL, 'r'},
		{"workers", required_argument, NULL, 'w'},
		{"user", required_argument, NULL, 'u'},
		{"log-level", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'r':
			opts->run_dir = optarg;
			break;
		case 'w':
			if (number_parse(optarg, SIP_WORKERS_MAX, &opts->n_workers) < 0) {
				fprintf(stderr,
					"limen-sip: --workers takes a number from 1 to %d\n",
					SIP_WORKERS_MAX);
				return -EINVAL;
			}
			break;
		case 'u':
			opts->user = optarg;
			break;
		case 'l':
			if (log_level_parse(optarg, &opts->log_level) < 0) {
				fprintf(stderr, "limen-sip: there is no log level \"%s\"\n",
					optarg);
				return -EINVAL;
			}
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("limen-sip " LIMEN_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "limen-sip: \"%s\" is not an option\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/*
 * A second arena grows by single pages, each by a system call; the first one by what is said here.
 * Where one thread works there is nothing to share it with.
 */
static void memory_prepare(unsigned int n_workers)
{
	if (n_workers > 1)
		return;
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

static void ready(void *arg)
{
	notify_send("READY=1");
	log_notice("ready");
}

static int run(const struct options *opts, const sigset_t *stop_signals)
{
	static struct b2b_shared shared;
	char path[108];
	struct sip_workers *workers;
	struct sip_workers_opts worker_opts = {
		.n_workers = opts->n_workers,
		.control_path = path,
		.app = &b2b_app_ops,
		.app_arg = &shared,
		.ready = ready,
	};
	int rc, sig;

	if ((size_t)snprintf(path, sizeof(path), "%s/control.sock", opts->run_dir) >=
		sizeof(path)) {
		log_err("--run-dir %s is too long for a socket", opts->run_dir);
		return -ENAMETOOLONG;
	}
	b2b_shared_init(&shared);
	rc = sip_workers_start(&worker_opts, &workers);
	if (rc < 0) {
		log_err("the workers do not start: %s", strerror(-rc));
		return rc;
	}
	while (sigwait(stop_signals, &sig) != 0)
		;
	log_notice("stops on signal %d; calls stay with limen-control", sig);
	notify_send("STOPPING=1");
	sip_workers_stop(workers);
	b2b_shared_clear(&shared);
	return 0;
}

int main(int argc, char **argv)
{
	struct options opts = {
		.run_dir = "/run/limen",
		.n_workers = 1,
		.log_level = LOG_L_NOTICE,
	};
	sigset_t stop_signals;
	int rc = options_parse(argc, argv, &opts);

	if (rc != 0)
		return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	memory_prepare(opts.n_workers);
	log_init("limen-sip", opts.log_level);
	signal(SIGPIPE, SIG_IGN);
	/* Blocked before any thread starts, so that they all inherit it and main() gets them. */
	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGTERM);
	sigaddset(&stop_signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
	if (rights_become(opts.user) < 0 || run(&opts, &stop_signals) < 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
