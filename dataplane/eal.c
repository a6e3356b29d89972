/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See eal.h. */
#include "dataplane/eal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "dataplane/session/stream.h"

LOG_TOPIC("eal");

#define HUGE_DIR    "/sys/kernel/mm/hugepages"
#define MBUF_BYTES  (RTE_MBUF_DEFAULT_BUF_SIZE + 384u)
#define BASE_MB	    48u /* rings, tables, DPDK itself */
#define LCORES_TEXT 8192
#define ARGS_MAX    24

unsigned int eal_memory_mb(const struct options *o)
{
	if (o->memory_mb)
		return o->memory_mb;
	uint64_t bytes = (uint64_t)o->n_mbufs * MBUF_BYTES;
	bytes += (uint64_t)o->max_sessions * DP_LEGS *
		 (sizeof(struct stream) + sizeof(struct stream_more));
	bytes += (uint64_t)DP_MEDIA_ADDRS_MAX * 32768 * sizeof(uint32_t);
	bytes += (uint64_t)o->n_workers * o->n_workers * 2 * 65536;
	bytes += (uint64_t)o->n_mcores * (o->n_workers * 2 * 32768 + 131072);
	bytes += (uint64_t)o->n_mcores * o->max_sessions * 160; /* struct mcore_session */
	return BASE_MB + (unsigned int)(bytes >> 20);
}

/* ---- lcores ---- */

static int cpu_list_parse(const char *text, const cpu_set_t *allowed, unsigned int *cpus,
	unsigned int max, unsigned int *ret_n, const char **ret_why)
{
	unsigned int n = 0;
	for (const char *p = text;; p++) {
		char *end;
		unsigned long lo = strtoul(p, &end, 10), hi = lo;
		if (end == p || lo >= CPU_SETSIZE)
			goto malformed;
		if (*end == '-') {
			p = end + 1;
			hi = strtoul(p, &end, 10);
			if (end == p || hi < lo || hi >= CPU_SETSIZE)
				goto malformed;
		}
		for (unsigned long c = lo; c <= hi; c++) {
			if (!CPU_ISSET(c, allowed)) {
				*ret_why = "it names a CPU that this process may not use";
				return -EINVAL;
			}
			if (n < max)
				cpus[n++] = (unsigned int)c;
		}
		p = end;
		if (!*p)
			break;
		if (*p != ',')
			goto malformed;
	}
	*ret_n = n;
	return 0;
malformed:
	*ret_why = "it is no list of CPUs like 2,3,5-7";
	return -EINVAL;
}

static size_t set_print(const cpu_set_t *set, char *buf, size_t size)
{
	size_t n = 0;
	const char *sep = "(";
	for (int c = 0; c < CPU_SETSIZE && n < size; c++) {
		if (!CPU_ISSET(c, set))
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%d", sep, c);
		sep = ",";
	}
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n, ")");
	return n;
}

struct pins {
	unsigned int cpu[DP_WORKERS_MAX + DP_MCORES_MAX], n;
};

/* The CPUs of one kind of thread, which others then keep off. */
static int pins_parse(const struct eal_threads *threads, const cpu_set_t *allowed,
	cpu_set_t *others, struct pins *ret_pins, const char **ret_why)
{
	ret_pins->n = 0;
	if (!threads->cpus)
		return 0;
	int err = cpu_list_parse(
		threads->cpus, allowed, ret_pins->cpu, threads->n, &ret_pins->n, ret_why);
	if (err)
		return err;
	if (ret_pins->n < threads->n) {
		*ret_why = "it has fewer CPUs than there are threads for it";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < ret_pins->n; i++)
		CPU_CLR(ret_pins->cpu[i], others);
	return 0;
}

static size_t threads_print(const struct eal_threads *threads, const struct pins *pins,
	const cpu_set_t *floating, unsigned int first, char *buf, size_t size)
{
	size_t n = 0;
	for (unsigned int i = 0; i < threads->n && n < size; i++) {
		n += (size_t)snprintf(buf + n, size - n, ",%u@", first + i);
		if (n >= size)
			break;
		if (pins->n)
			n += (size_t)snprintf(buf + n, size - n, "%u", pins->cpu[i]);
		else
			n += set_print(floating, buf + n, size - n);
	}
	return n;
}

int eal_lcores(const cpu_set_t *allowed, const struct eal_threads *workers,
	const struct eal_threads *mcores, char *buf, size_t size, const char **ret_why)
{
	struct pins worker_pins, mcore_pins;
	cpu_set_t others = *allowed;
	int err = pins_parse(workers, allowed, &others, &worker_pins, ret_why);
	if (!err)
		err = pins_parse(mcores, allowed, &others, &mcore_pins, ret_why);
	if (err)
		return err;
	/* Who floats keeps off CPUs that are pinned to, while there are others. */
	if (CPU_COUNT(&others) == 0)
		others = *allowed;
	size_t n = (size_t)snprintf(buf, size, "0@");
	n += set_print(&others, buf + n, size - n);
	if (n < size)
		n += threads_print(workers, &worker_pins, &others, 1, buf + n, size - n);
	if (n < size)
		n += threads_print(mcores, &mcore_pins, &others, 1 + workers->n, buf + n, size - n);
	if (n >= size) {
		*ret_why = "there are too many CPUs for one line";
		return -EINVAL;
	}
	return 0;
}

/* ---- memory ---- */

/* Free hugepages of all sizes, in megabytes. */
static unsigned long hugepages_free_mb(void)
{
	unsigned long mb = 0;
	DIR *dir = opendir(HUGE_DIR);
	const struct dirent *d;
	while (dir && (d = readdir(dir))) {
		unsigned long kb, n;
		char path[320];
		if (sscanf(d->d_name, "hugepages-%lukB", &kb) != 1)
			continue;
		snprintf(path, sizeof path, HUGE_DIR "/%s/free_hugepages", d->d_name);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%lu", &n) == 1)
			mb += n * kb / 1024;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return mb;
}

static bool hugepages_wanted(const struct options *o, unsigned int need_mb)
{
	unsigned long have_mb = hugepages_free_mb();
	if (o->no_huge) {
		log_notice("ordinary memory, %u MB, as --no-huge says", need_mb);
		return false;
	}
	if (have_mb >= need_mb) {
		log_notice("%u MB of hugepages (%lu MB are free)", need_mb, have_mb);
		return true;
	}
	log_notice(
		"ordinary memory, %u MB: %lu MB of hugepages are free. It works, slower; "
		"'sysctl vm.nr_hugepages=%u' before the start gives 2 MB pages",
		need_mb, have_mb, need_mb / 2 + 8);
	return false;
}

/* ---- DPDK's own log lines become ours ---- */

static ssize_t log_cookie_write(void *cookie, const char *text, size_t n)
{
	size_t done = 0;
	while (done < n) {
		const char *line = text + done;
		const char *nl = memchr(line, '\n', n - done);
		size_t len = nl ? (size_t)(nl - line) : n - done;
		if (len)
			log_notice("%.*s", (int)len, line);
		done += len + (nl != NULL);
	}
	return (ssize_t)n;
}

static void dpdk_log_open(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_cookie_write});
	if (!f)
		return;
	setvbuf(f, NULL, _IOLBF, 512);
	(void)rte_openlog_stream(f);
}

int eal_start(const struct options *o, struct eal *ret_eal)
{
	static char lcores[LCORES_TEXT];
	char memory[16], prefix[32];
	char *argv[ARGS_MAX];
	int argc = 0;
	const char *why = NULL;
	cpu_set_t allowed;
	struct eal eal = {.memory_mb = eal_memory_mb(o)};
	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return -errno;
	const struct eal_threads workers = {o->n_workers, o->worker_cpus};
	const struct eal_threads mcores = {o->n_mcores, o->media_cpus};
	int err = eal_lcores(&allowed, &workers, &mcores, lcores, sizeof lcores, &why);
	if (err) {
		log_err("--worker-cpus '%s', --media-cpus '%s': %s",
			o->worker_cpus ? o->worker_cpus : "", o->media_cpus ? o->media_cpus : "",
			why);
		return err;
	}
	unsigned long total_mb = (unsigned long)sysconf(_SC_PHYS_PAGES) /
				 (1048576 / (unsigned long)sysconf(_SC_PAGESIZE));
	if (eal.memory_mb > total_mb) {
		log_err("%u MB of packet memory are asked for, this machine has %lu MB: lower "
			"--memory, --max-sessions or --mbufs",
			eal.memory_mb, total_mb);
		return -ENOMEM;
	}
	eal.hugepages = hugepages_wanted(o, eal.memory_mb);
	snprintf(memory, sizeof memory, "%u", eal.memory_mb);
	snprintf(prefix, sizeof prefix, "limen-%d", (int)getpid());
	const char *const always[] = {"limen-dataplane", "--iova-mode=va", "--no-telemetry",
		"--log-level=*:warning",
		/* PCI devices are plugged in by name at run time; none is taken by itself. */
		"-a", "ffff:ff:1f.7", "--lcores", lcores, "-m", memory};
	for (unsigned int i = 0; i < sizeof always / sizeof always[0]; i++)
		argv[argc++] = (char *)(uintptr_t)always[i];
	if (eal.hugepages) {
		argv[argc++] = (char *)(uintptr_t) "--in-memory";
	} else {
		/* --in-memory and --no-huge exclude each other in DPDK 22.11. */
		argv[argc++] = (char *)(uintptr_t) "--no-huge";
		argv[argc++] = (char *)(uintptr_t) "--no-shconf";
		argv[argc++] = (char *)(uintptr_t) "--file-prefix";
		argv[argc++] = prefix;
	}
	argv[argc] = NULL;
	dpdk_log_open();
	if (rte_eal_init(argc, argv) < 0) {
		log_err("DPDK does not start: %s. Is there %u MB of %s memory (--memory, --mbufs "
			"and --max-sessions decide how much), and may this process use it?",
			rte_strerror(rte_errno), eal.memory_mb, eal.hugepages ? "huge" : "free");
		return -EIO;
	}
	for (unsigned int i = 0; i < o->n_workers + o->n_mcores; i++)
		eal.lcores[i] = i + 1;
	*ret_eal = eal;
	return 0;
}
