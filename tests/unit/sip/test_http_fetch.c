/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching files whose names strangers chose: a name server that never answers must not hold up the
 * loop, and addresses of the box itself and of its links are not asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/ipaddr.h"
#include "sip-b2bua/core/http_fetch.h"

static sem_t answered;
static atomic_bool asked;

int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res);

/* In place of the C library's, for libcurl too: it answers when the test says so. */
int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	atomic_store(&asked, true);
	while (sem_wait(&answered) != 0)
		;
	return EAI_AGAIN;
}

static struct event_base *base;
static unsigned int n_done;
static char last[128];

static void on_done(
	void *arg, uint64_t id, struct view body, uint32_t max_age_s, const char *reason)
{
	assert_null(body.p);
	n_done++;
	snprintf(last, sizeof(last), "%s", reason);
	event_base_loopbreak(base);
}

static struct http_fetch *fetch_new(void)
{
	struct http_fetch *f;

	base = event_base_new();
	f = http_fetch_new(base, 64, on_done, NULL);
	assert_non_null(f);
	n_done = 0;
	return f;
}

/* Were the loop to wait for the resolver, this would never end: it answers after the loop. */
static void test_silent_name_server(void **state)
{
	const struct http_fetch_opts opts = {.timeout_ms = 50, .max_bytes = 1000};
	struct http_fetch *f = fetch_new();

	assert_int_equal(sem_init(&answered, 0, 0), 0);
	assert_int_equal(http_fetch_get(f, "https://black.hole.example/x.pem", &opts, 1), 0);
	assert_int_equal(event_base_dispatch(base), 0);
	assert_int_equal(n_done, 1);
	assert_true(atomic_load(&asked));
	http_fetch_free(f);
	event_base_free(base);
	sem_post(&answered);
}

static void test_own_addresses(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "0.0.0.0", "[::1]", "[::]",
		"169.254.169.254", "[fe80::1]", "[::ffff:127.0.0.1]", "224.0.0.1"};
	const struct http_fetch_opts opts = {.timeout_ms = 20000, .max_bytes = 1000, .plain = true};
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(own);
	struct http_fetch *f = fetch_new();
	char url[64];

	assert_int_equal(bind(server, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(listen(server, 8), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&own, &len), 0);
	for (unsigned int i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(url, sizeof(url), "http://%s:%u/x.pem", hosts[i], ntohs(own.sin_port));
		assert_int_equal(http_fetch_get(f, url, &opts, i), 0);
		assert_int_equal(event_base_dispatch(base), 0);
		assert_int_equal(n_done, i + 1);
		if (strcmp(last, HTTP_FETCH_FORBIDDEN) != 0)
			fail_msg("%s: %s", url, last);
	}
	assert_int_equal(accept(server, NULL, NULL), -1);
	close(server);
	http_fetch_free(f);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silent_name_server),
		cmocka_unit_test(test_own_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
