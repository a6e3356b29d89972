/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/core/http_fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct transfer {
	LIST_ENTRY(transfer) link;
	struct http_fetch *fetch;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t id;
	char *body;
	size_t n, max;
	uint32_t max_age_s;
	bool loopback;
	bool forbidden; /* it was not asked */
	char error[CURL_ERROR_SIZE];
};

struct http_fetch {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	http_fetch_fn done;
	void *arg;
	uint32_t n, n_max;
	LIST_HEAD(, transfer) transfers;
};

/* Before there are threads: what libcurl sets up once is not theirs to race for. */
__attribute__((constructor)) static void set_up_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void transfer_free(struct transfer *t)
{
	curl_multi_remove_handle(t->fetch->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	LIST_REMOVE(t, link);
	t->fetch->n--;
	free(t->body);
	free(t);
}

static void finish(struct http_fetch *f, CURL *easy, CURLcode result)
{
	struct transfer *t = NULL;
	struct view body = {NULL, 0};
	char reason[96] = "";
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->forbidden && result != CURLE_OK)
		snprintf(reason, sizeof(reason), "%s", HTTP_FETCH_FORBIDDEN);
	else if (result != CURLE_OK)
		snprintf(reason, sizeof(reason), "%.90s",
			t->error[0] ? t->error : curl_easy_strerror(result));
	else if (status != 200)
		snprintf(reason, sizeof(reason), "the server answered %ld", status);
	else if (t->n == 0)
		snprintf(reason, sizeof(reason), "the server sent nothing");
	else
		body = (struct view){t->body, t->n};
	f->done(f->arg, t->id, body, t->max_age_s, reason);
	transfer_free(t);
}

static void look(struct http_fetch *f)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(f->multi, &left)) != NULL) {
		if (msg->msg == CURLMSG_DONE)
			finish(f, msg->easy_handle, msg->data.result);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct http_fetch *f = arg;
	int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) |
		    (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
	    running;

	curl_multi_socket_action(f->multi, fd, flags, &running);
	look(f);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_fetch *f = arg;
	int running;

	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look(f);
}

/* libcurl says for what it waits on a socket; the event hangs on that socket. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_fetch *f = arg;
	struct event *event = socket_arg;
	short flags = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
			      (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE) {
		event = event_new(f->base, fd, flags, on_socket, f);
		if (!event || event_add(event, NULL) < 0)
			return -1;
	}
	curl_multi_assign(f->multi, fd, event);
	return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_fetch *f = arg;
	struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	if (timeout_ms < 0)
		return event_del(f->timer);
	return event_add(f->timer, &tv);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	char *more;

	if (n > t->max - t->n)
		return 0; /* ends it with an error */
	more = realloc(t->body, t->n + n + 1);
	if (!more)
		return 0;
	t->body = more;
	memcpy(t->body + t->n, data, n);
	t->n += n;
	return n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "cache-control:", word[] = "max-age=";
	struct transfer *t = arg;
	struct view line = {data, n};

	if (n <= sizeof(name) - 1 || strncasecmp(data, name, sizeof(name) - 1) != 0)
		return n;
	for (size_t i = sizeof(name) - 1; i + sizeof(word) - 1 < line.n; i++) {
		uint64_t seconds = 0;

		if (strncasecmp(line.p + i, word, sizeof(word) - 1) != 0)
			continue;
		for (size_t k = i + sizeof(word) - 1;
			k < line.n && line.p[k] >= '0' && line.p[k] <= '9' && seconds < 1000000000;
			k++)
			seconds = seconds * 10 + (uint64_t)(line.p[k] - '0');
		t->max_age_s = (uint32_t)(seconds < UINT32_MAX ? seconds : UINT32_MAX);
	}
	return n;
}

static bool is_forbidden4(uint32_t ip)
{
	/* This host, loop-back (RFC 1122 3.2.1.3), link-local (RFC 3927), multicast and above. */
	return ip >> 24 == 0 || ip >> 24 == 127 || ip >> 16 == 0xa9fe || ip >> 28 >= 14;
}

static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

static bool is_forbidden(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return is_forbidden4(ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr));
	if (sa->sa_family != AF_INET6)
		return true;
	const struct in6_addr *ip = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	uint32_t ip4;

	memcpy(&ip4, ip->s6_addr + 12, 4);
	if (IN6_IS_ADDR_V4MAPPED(ip))
		return is_forbidden4(ntohl(ip4));
	return IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_LOOPBACK(ip) ||
	       IN6_IS_ADDR_LINKLOCAL(ip) || IN6_IS_ADDR_MULTICAST(ip);
}

/* Looks at the address that the name has led to, so that no name gets round it. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = arg;

	if (is_forbidden(&to->addr) && !(t->loopback && is_loopback(&to->addr))) {
		t->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static bool header_add(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	t->headers = more ? more : t->headers;
	return more != NULL;
}

/* A question is small: nobody needs to be asked whether it may come (Expect: 100-continue). */
static bool set_up_post(struct transfer *t, const struct http_fetch_opts *opts)
{
	char line[512];

	if (opts->bearer && opts->bearer[0]) {
		snprintf(line, sizeof(line), "Authorization: Bearer %s", opts->bearer);
		if (!header_add(t, line))
			return false;
	}
	if (!opts->post)
		return !t->headers ||
		       curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
	return header_add(t, "Content-Type: application/json") &&
	       header_add(t, "Accept: application/json") && header_add(t, "Expect:") &&
	       curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, opts->post) == CURLE_OK;
}

static bool set_up(struct transfer *t, const char *url, const struct http_fetch_opts *opts)
{
	CURL *e = t->easy;
	bool ok = curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
			  opts->plain ? "http,https" : "https") == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
		  /* Else the end of a transfer waits for the thread that asks for its name. */
		  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)opts->timeout_ms) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		  curl_easy_setopt(e, CURLOPT_USERAGENT, "Limen") == CURLE_OK;

	t->loopback = opts->loopback;
	ok = ok && set_up_post(t, opts);
	if (ok && opts->ca_file && opts->ca_file[0])
		ok = curl_easy_setopt(e, CURLOPT_CAINFO, opts->ca_file) == CURLE_OK &&
		     curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
	return ok;
}

int http_fetch_get(
	struct http_fetch *f, const char *url, const struct http_fetch_opts *opts, uint64_t id)
{
	struct transfer *t = f->n < f->n_max ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return -ENOBUFS;
	t->fetch = f;
	t->id = id;
	t->max = opts->max_bytes;
	t->easy = curl_easy_init();
	if (!t->easy || !set_up(t, url, opts) ||
		curl_multi_add_handle(f->multi, t->easy) != CURLM_OK) {
		curl_easy_cleanup(t->easy);
		curl_slist_free_all(t->headers);
		free(t);
		return -EINVAL;
	}
	LIST_INSERT_HEAD(&f->transfers, t, link);
	f->n++;
	return 0;
}

struct http_fetch *http_fetch_new(
	struct event_base *base, uint32_t max, http_fetch_fn done, void *arg)
{
	struct http_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->base = base;
	f->n_max = max;
	f->done = done;
	f->arg = arg;
	LIST_INIT(&f->transfers);
	f->multi = curl_multi_init();
	f->timer = event_new(base, -1, 0, on_timer, f);
	if (!f->multi || !f->timer ||
		curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_socket) != CURLM_OK ||
		curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) != CURLM_OK ||
		curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_timer) != CURLM_OK ||
		curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) != CURLM_OK) {
		http_fetch_free(f);
		return NULL;
	}
	return f;
}

void http_fetch_free(struct http_fetch *f)
{
	if (!f)
		return;
	while (!LIST_EMPTY(&f->transfers))
		transfer_free(LIST_FIRST(&f->transfers));
	curl_multi_cleanup(f->multi);
	if (f->timer)
		event_free(f->timer);
	free(f);
}
