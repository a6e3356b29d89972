/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of limen-dataplane. */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controlplane/base/log.h"

#define SESSIONS_MAX 1000000u

struct options {
	unsigned int n_workers;
	unsigned int n_mcores;
	unsigned int max_sessions;
	unsigned int memory_mb; /* 0: reckoned from the others */
	unsigned int n_mbufs;	/* 0: the default */
	bool no_huge;
	bool control_uid_set;
	uid_t control_uid; /* may connect besides root */
	bool nat_uid_set;
	uid_t nat_uid; /* may connect as limen-nat */
	bool rec_uid_set;
	uid_t rec_uid; /* may connect as limen-rec */
	const char *run_dir;
	const char *worker_cpus; /* NULL: workers float over the allowed CPUs */
	const char *media_cpus;	 /* the same of media cores */
	enum log_level log_level;
};

/* 0: go on; 1: --help or --version was printed; -EINVAL: a sentence was printed. */
int options_parse(int argc, char **argv, struct options *ret_options)
	__attribute__((warn_unused_result));
