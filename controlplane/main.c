/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-control: configuration, call records, allocation of media, and the state that outlives
 * restarts of the other processes. One thread, one event loop; see core/control.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/base/notify.h"
#include "controlplane/base/pace.h"
#include "controlplane/base/view.h"
#include "controlplane/core/control.h"

LOG_TOPIC("main");

#define FILE_MAX_BYTES (16u << 20)
#define REST_US	       1000 /* between turns, when many processes speak; base/pace.h */

struct args {
	struct control_options control;
	const char *factory_path, *check_path;
	enum log_level level;
};

static void usage(FILE *to)
{
	fprintf(to,
		"limen-control: configuration, call records and media allocation of Limen.\n"
		"\n"
		"  --run-dir DIR      sockets (default /run/limen)\n"
		"  --state-dir DIR    start-up configuration, revisions, records (default "
		"/var/lib/limen)\n"
		"  --factory FILE     configuration when there is no start-up configuration\n"
		"  --sip-uid USER     user of limen-sip, by name or number (default: our own)\n"
		"  --nat-uid USER     user of limen-nat (default: our own)\n"
		"  --rec-uid USER     user of limen-rec (default: our own)\n"
		"  --cli-uid USER     user who may use the command line beside root and our own\n"
		"  --cli-admin USER   user who may also configure\n"
		"  --check FILE       say whether FILE is a valid configuration, and exit\n"
		"  --log LEVEL        err, warning, notice (default), info, debug\n"
		"  --help, --version\n");
}

static int parse_user(const char *text, uid_t *ret_uid)
{
	uint64_t value;

	if (view_to_u64(view_of(text), UINT32_MAX - 1, &value) == 0) {
		*ret_uid = (uid_t)value;
		return 0;
	}
	const struct passwd *pw = getpwnam(text);
	if (pw == NULL) {
		fprintf(stderr, "limen-control: there is no user %s\n", text);
		return -ENOENT;
	}
	*ret_uid = pw->pw_uid;
	return 0;
}

static int parse_level(const char *word, enum log_level *ret_level)
{
	int ret = log_level_parse(word, ret_level);
	if (ret < 0)
		fprintf(stderr, "limen-control: %s is no log level\n", word);
	return ret;
}

/* 1: done, exit with success. */
static int parse_args(int argc, char **argv, struct args *args)
{
	static const struct option options[] = {{"run-dir", required_argument, NULL, 'r'},
		{"state-dir", required_argument, NULL, 's'},
		{"factory", required_argument, NULL, 'f'},
		{"sip-uid", required_argument, NULL, 'u'},
		{"nat-uid", required_argument, NULL, 'n'},
		{"rec-uid", required_argument, NULL, 'e'},
		{"cli-uid", required_argument, NULL, 'c'},
		{"cli-admin", required_argument, NULL, 'a'},
		{"check", required_argument, NULL, 'k'}, {"log", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	int opt, ret = 0;

	while (ret == 0 && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			args->control.run_dir = optarg;
			break;
		case 's':
			args->control.state_dir = optarg;
			break;
		case 'f':
			args->factory_path = optarg;
			break;
		case 'u':
			ret = parse_user(optarg, &args->control.sip_uid);
			break;
		case 'n':
			ret = parse_user(optarg, &args->control.nat_uid);
			break;
		case 'e':
			ret = parse_user(optarg, &args->control.rec_uid);
			break;
		case 'c':
			ret = parse_user(optarg, &args->control.cli_uid);
			break;
		case 'a':
			ret = parse_user(optarg, &args->control.cli_admin);
			break;
		case 'k':
			args->check_path = optarg;
			break;
		case 'l':
			ret = parse_level(optarg, &args->level);
			break;
		case 'h':
			usage(stdout);
			return 1;
		case 'v':
			printf("limen-control " LIMEN_VERSION "\n");
			return 1;
		default:
			ret = -EINVAL;
		}
	}
	if (ret == 0 && optind < argc) {
		fprintf(stderr, "limen-control: what is %s? See --help\n", argv[optind]);
		ret = -EINVAL;
	}
	if (ret == 0 && strlen(args->control.run_dir) > 80) {
		fprintf(stderr,
			"limen-control: the run directory's path is over 80 bytes; "
			"sockets cannot have such names\n");
		ret = -ENAMETOOLONG;
	}
	return ret;
}

static int read_text(const char *path, char **ret_text, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0;

	if (file == NULL)
		return -errno;
	text = malloc(FILE_MAX_BYTES);
	if (text != NULL)
		len = fread(text, 1, FILE_MAX_BYTES - 1, file);
	int ret = text == NULL ? -ENOMEM : ferror(file) ? -EIO : !feof(file) ? -EFBIG : 0;
	fclose(file);
	if (ret < 0) {
		free(text);
		return ret;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static int check_file(const char *path)
{
	char error[CFG_ERROR_MAX] = "";
	struct cfg *cfg = NULL;
	char *text = NULL;
	size_t len;
	int ret = read_text(path, &text, &len);

	if (ret < 0)
		snprintf(error, sizeof(error), "%.200s: %s", path, strerror(-ret));
	else
		ret = cfg_from_text(text, len, path, &cfg, error);
	if (ret == 0)
		ret = cfg_validate(cfg, error);
	if (ret == 0)
		ret = dpclient_check(cfg, error);
	if (ret == 0)
		printf("%s is a valid configuration\n", path);
	else
		fprintf(stderr, "%s\n", error);
	cfg_free(cfg);
	free(text);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void stop_cb(evutil_socket_t fd, short what, void *arg)
{
	log_notice("stopping");
	notify_send("STOPPING=1");
	event_base_loopbreak(arg);
}

static void loop(struct event_base *base)
{
	struct pace pace;

	pace_init(&pace, REST_US, clock_mono_us());
	do {
		pace_rest(&pace);
	} while (event_base_loop(base, EVLOOP_ONCE) == 0 && !event_base_got_break(base));
}

static int run(const struct args *args)
{
	struct event_base *base = event_base_new();
	struct event *term = NULL, *interrupt = NULL;
	char error[CFG_ERROR_MAX] = "memory is short";
	struct control *control = NULL;
	int ret = -ENOMEM;

	if (base == NULL)
		goto out;
	term = evsignal_new(base, SIGTERM, stop_cb, base);
	interrupt = evsignal_new(base, SIGINT, stop_cb, base);
	if (term == NULL || interrupt == NULL || event_add(term, NULL) < 0 ||
		event_add(interrupt, NULL) < 0)
		goto out;
	ret = control_new(base, &args->control, &control, error);
	/* A start that failed inside control_new() has ended no loop yet. */
	if (ret == 0 && control->failed == 0)
		loop(base);
	if (ret == 0 && control->failed < 0) {
		ret = control->failed;
		snprintf(error, sizeof(error), "%s", control->error);
	}
out:
	if (ret < 0)
		log_err("%s", error);
	control_free(control);
	if (term != NULL)
		event_free(term);
	if (interrupt != NULL)
		event_free(interrupt);
	if (base != NULL)
		event_base_free(base);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct args args = {.control = {.run_dir = "/run/limen",
				    .state_dir = "/var/lib/limen",
				    .sip_uid = (uid_t)-1,
				    .nat_uid = (uid_t)-1,
				    .rec_uid = (uid_t)-1,
				    .cli_uid = (uid_t)-1,
				    .cli_admin = (uid_t)-1},
		.level = LOG_L_NOTICE};
	char *factory = NULL;
	size_t len;
	int ret = parse_args(argc, argv, &args);

	if (ret != 0)
		return ret > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (args.check_path != NULL)
		return check_file(args.check_path);
	log_init("limen-control", args.level);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write(), not our end */
	umask(0027);
	if (args.factory_path != NULL && (ret = read_text(args.factory_path, &factory, &len)) < 0) {
		log_err("%s: %s", args.factory_path, strerror(-ret));
		return EXIT_FAILURE;
	}
	args.control.factory = factory != NULL ? factory : "";
	ret = run(&args);
	free(factory);
	return ret;
}
