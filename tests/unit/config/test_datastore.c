/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commits, their phases, the files, crashes at bad moments, merges. */
#include "tests/unit/config/samples.h"
#include "controlplane/config/datastore.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW 1700000000000ull

struct fake {
	struct cfg_subscriber row;
	int answer;
	unsigned int n_prepare, n_apply, n_abort;
	uint64_t revision;
	char host[CFG_NAME_MAX]; /* applied */
	char trace[64];
	char *shared;
};

struct result {
	int calls, status;
	char text[512];
};

static void note(struct fake *fake, char c)
{
	size_t n = strlen(fake->shared);

	fake->shared[n] = c;
	fake->shared[n + 1] = 0;
}

static int fake_prepare(void *arg, struct cfg_txn *txn, const struct cfg *old,
	const struct cfg *next, char error[CFG_ERROR_MAX])
{
	struct fake *fake = arg;

	fake->n_prepare++;
	fake->revision = cfg_txn_revision(txn);
	snprintf(error, CFG_ERROR_MAX, "no ports for %s", next->hostname);
	note(fake, 'p');
	return fake->answer;
}

static void fake_apply(void *arg, const struct cfg *old, const struct cfg *next, uint64_t revision)
{
	struct fake *fake = arg;

	fake->n_apply++;
	assert_int_equal(revision, fake->revision);
	snprintf(fake->host, sizeof(fake->host), "%s", next->hostname);
	note(fake, 'a');
}

static void fake_abort(void *arg, uint64_t revision)
{
	struct fake *fake = arg;

	fake->n_abort++;
	note(fake, 'x');
}

static char trace[256];

static void fake_init(struct fake *fake, const char *name)
{
	*fake = (struct fake){.row = {.name = name,
				      .prepare = fake_prepare,
				      .apply = fake_apply,
				      .abort = fake_abort,
				      .arg = fake},
		.shared = trace};
	trace[0] = 0;
}

static void done(void *arg, int status, const char *text)
{
	struct result *result = arg;

	result->calls++;
	result->status = status;
	snprintf(result->text, sizeof(result->text), "%s", text);
}

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/limen-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct cfg_store *open_store(const char *where, struct fake *a, struct fake *b)
{
	char error[CFG_ERROR_MAX];
	struct cfg_store *store;

	if (cfg_store_open(where, NOW, &store, error) < 0)
		fail_msg("%s", error);
	if (a) {
		fake_init(a, "first");
		assert_int_equal(cfg_store_subscribe(store, &a->row), 0);
	}
	if (b) {
		fake_init(b, "second");
		assert_int_equal(cfg_store_subscribe(store, &b->row), 0);
	}
	return store;
}

static struct cfg_store *start_store(struct fake *a, struct fake *b)
{
	struct cfg_store *store = open_store(dir, a, b);
	struct result result = {0};

	cfg_store_start(store, "hostname = \"factory\";", done, &result);
	if (result.calls != 1 || result.status != 0)
		fail_msg("%d calls, %s", result.calls, result.text);
	trace[0] = 0;
	return store;
}

static struct cfg_candidate *candidate(struct cfg_store *store, const char *user)
{
	struct cfg_candidate *cand;
	char error[CFG_ERROR_MAX];

	if (cfg_candidate_new(store, user, false, &cand, error) < 0)
		fail_msg("%s", error);
	return cand;
}

static void set_host(struct cfg_candidate *cand, const char *host)
{
	snprintf(cfg_candidate_cfg(cand)->hostname, CFG_NAME_MAX, "%s", host);
}

static struct result commit(
	struct cfg_store *store, struct cfg_candidate *cand, struct cfg_commit how)
{
	struct result result = {0};

	if (!how.user)
		how.user = "anna";
	cfg_store_commit(store, cand, &how, NOW, done, &result);
	return result;
}

static struct result commit_host(struct cfg_store *store, const char *host, struct cfg_commit how)
{
	struct cfg_candidate *cand = candidate(store, "anna");
	struct result result;

	set_host(cand, host);
	result = commit(store, cand, how);
	cfg_candidate_free(cand);
	return result;
}

/* What a SIGKILL leaves: the store is lost without cfg_store_close(). */
static void crash(struct cfg_store *store)
{
	char from[96], keep[96];

	snprintf(from, sizeof(from), "%s/running.json", dir);
	snprintf(keep, sizeof(keep), "%s/kept", dir);
	assert_int_equal(link(from, keep), 0);
	cfg_store_close(store);
	assert_int_equal(rename(keep, from), 0);
}

static void test_phases(void **state)
{
	struct fake a, b;
	struct cfg_store *store = start_store(&a, &b);
	struct cfg_candidate *cand = candidate(store, "anna");
	struct result r;

	assert_string_equal(cfg_store_running(store)->hostname, "factory");
	assert_int_equal(cfg_store_revision(store), 1);
	set_host(cand, "one");
	assert_true(cfg_candidate_changed(cand));
	r = commit(store, cand, (struct cfg_commit){.comment = "first change"});
	assert_int_equal(r.status, 0);
	assert_string_equal(trace, "ppaa");
	assert_string_equal(a.host, "one");
	assert_string_equal(cfg_store_running(store)->hostname, "one");
	assert_false(cfg_candidate_changed(cand));

	/* The second refuses: the first is told, running stays. */
	trace[0] = 0;
	b.answer = -EADDRINUSE;
	set_host(cand, "two");
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, -EADDRINUSE);
	assert_string_equal(r.text, "second: no ports for two");
	assert_string_equal(trace, "ppx");
	assert_string_equal(cfg_store_running(store)->hostname, "one");
	assert_true(cfg_candidate_changed(cand));

	/* Check only. */
	trace[0] = 0;
	b.answer = 0;
	r = commit(store, cand, (struct cfg_commit){.check = true});
	assert_int_equal(r.status, 0);
	assert_string_equal(trace, "ppxx");
	assert_string_equal(cfg_store_running(store)->hostname, "one");

	/* No change: no new revision, nobody is asked. */
	trace[0] = 0;
	assert_int_equal(cfg_candidate_discard(cand), 0);
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, 0);
	assert_int_equal(r.calls, 1);
	assert_string_equal(trace, "");
	assert_int_equal(cfg_store_revision(store), 2);
	cfg_candidate_free(cand);
	cfg_store_close(store);
}

static void test_invalid(void **state)
{
	struct fake a;
	struct cfg_store *store = start_store(&a, NULL);
	struct cfg_candidate *cand = candidate(store, "anna");
	char error[CFG_ERROR_MAX];
	struct result r;
	void *obj;

	assert_int_equal(
		cfg_object_add(cfg_candidate_cfg(cand), CFG_TRUNK, VIEW("t"), &obj, error), 0);
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, -ENODATA);
	assert_non_null(strstr(r.text, "trunk t: \"realm\" is missing"));
	assert_int_equal(cfg_leaf_set(cfg_leaf_find(CFG_TRUNK, "realm"), obj, VIEW("x"), error), 0);
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, -EINVAL);
	assert_non_null(strstr(r.text, "there is no realm of that name"));
	assert_string_equal(trace, "");
	cfg_candidate_free(cand);
	cfg_store_close(store);
}

static void test_async(void **state)
{
	struct fake a, b;
	struct cfg_store *store = start_store(&a, &b);
	struct cfg_candidate *cand = candidate(store, "anna"), *other = candidate(store, "bert");
	struct result r = {0}, r2 = {0};
	struct cfg_commit how = {.user = "anna"};

	b.answer = -EINPROGRESS;
	set_host(cand, "later");
	cfg_store_commit(store, cand, &how, NOW, done, &r);
	assert_int_equal(r.calls, 0);
	assert_true(cfg_store_busy(store));
	set_host(other, "other");
	cfg_store_commit(store, other, &how, NOW, done, &r2);
	assert_int_equal(r2.status, -EBUSY);
	/* Answers for another revision or from another subscriber do not count. */
	cfg_txn_prepared(store, &b.row, b.revision + 1, 0, NULL);
	cfg_txn_prepared(store, &a.row, b.revision, -EIO, NULL);
	assert_int_equal(r.calls, 0);
	cfg_txn_prepared(store, &b.row, b.revision, 0, NULL);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.status, 0);
	assert_string_equal(b.host, "later");

	/* A refusal, an answer that never comes, a candidate that goes away meanwhile. */
	set_host(cand, "refused");
	cfg_store_commit(store, cand, &how, NOW, done, &r);
	cfg_txn_prepared(store, &b.row, b.revision, -EADDRNOTAVAIL, "cannot bind");
	assert_int_equal(r.status, -EADDRNOTAVAIL);
	assert_string_equal(r.text, "second: cannot bind");
	cfg_store_commit(store, cand, &how, NOW, done, &r);
	cfg_store_tick(store, NOW + 15000);
	assert_true(cfg_store_busy(store));
	cfg_store_tick(store, NOW + 15001);
	assert_false(cfg_store_busy(store));
	assert_int_equal(r.status, -ETIMEDOUT);
	cfg_store_commit(store, cand, &how, NOW, done, &r);
	cfg_candidate_free(cand);
	cfg_txn_prepared(store, &b.row, b.revision, 0, NULL);
	assert_int_equal(r.status, 0);
	assert_string_equal(cfg_store_running(store)->hostname, "refused");
	cfg_candidate_free(other);
	cfg_store_close(store);
}

static void test_history_and_rollback(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);
	struct cfg_candidate *cand;
	struct cfg_revision rev;
	char error[CFG_ERROR_MAX], host[16];
	struct result r;

	for (int i = 1; i <= 60; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		r = commit_host(store, host, (struct cfg_commit){.comment = host});
		assert_int_equal(r.status, 0);
	}
	assert_true(cfg_store_history(store, 0, &rev));
	assert_int_equal(rev.number, 61);
	assert_string_equal(rev.comment, "h60");
	assert_string_equal(rev.user, "anna");
	assert_true(cfg_store_history(store, 49, &rev));
	assert_string_equal(rev.comment, "h11");
	assert_false(cfg_store_history(store, 50, &rev));
	cfg_store_close(store);

	/* The history outlives the process. */
	store = start_store(NULL, NULL);
	cand = candidate(store, "anna");
	assert_string_equal(cfg_store_running(store)->hostname, "factory");
	assert_true(cfg_store_history(store, 0, &rev));
	assert_int_equal(rev.number, 62);
	assert_int_equal(cfg_candidate_rollback(cand, 50, error), -ENOENT);
	assert_int_equal(cfg_candidate_rollback(cand, 5, error), 0);
	assert_string_equal(cfg_candidate_cfg(cand)->hostname, "h56");
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, 0);
	assert_string_equal(cfg_store_running(store)->hostname, "h56");
	cfg_candidate_free(cand);
	cfg_store_close(store);
}

static void test_groups(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);
	struct cfg_revision rev;

	commit_host(store, "a", (struct cfg_commit){.group = 7});
	commit_host(store, "b", (struct cfg_commit){.group = 7});
	commit_host(store, "c", (struct cfg_commit){.group = 8});
	assert_true(cfg_store_history(store, 0, &rev));
	assert_int_equal(rev.number, 4);
	assert_true(cfg_store_history(store, 1, &rev));
	assert_int_equal(rev.number, 3);
	assert_true(cfg_store_history(store, 2, &rev));
	assert_int_equal(rev.number, 1);
	cfg_store_close(store);
}

static void test_save(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);
	char error[CFG_ERROR_MAX];
	struct cfg *cfg;

	assert_int_equal(cfg_store_startup(store, &cfg, error), -ENOENT);
	commit_host(store, "saved", (struct cfg_commit){0});
	assert_int_equal(cfg_store_save(store, error), 0);
	commit_host(store, "unsaved", (struct cfg_commit){0});
	assert_int_equal(cfg_store_startup(store, &cfg, error), 0);
	assert_string_equal(cfg->hostname, "saved");
	cfg_free(cfg);
	cfg_store_close(store);
	store = start_store(NULL, NULL);
	assert_string_equal(cfg_store_running(store)->hostname, "saved");
	cfg_store_close(store);
}

static void test_crash_keeps_running(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);
	uint64_t revision;

	commit_host(store, "unsaved", (struct cfg_commit){0});
	revision = cfg_store_revision(store);
	crash(store);
	store = start_store(NULL, NULL);
	assert_string_equal(cfg_store_running(store)->hostname, "unsaved");
	assert_int_equal(cfg_store_revision(store), revision);
	cfg_store_close(store);
}

static void test_confirmed(void **state)
{
	struct fake a;
	struct cfg_store *store = start_store(&a, NULL);
	char error[CFG_ERROR_MAX];
	struct result r;

	r = commit_host(store, "trial", (struct cfg_commit){.confirm_min = 2});
	assert_int_equal(r.status, 0);
	assert_int_equal(cfg_store_deadline(store), NOW + 120000);
	assert_int_equal(cfg_store_save(store, error), -EBUSY);
	cfg_store_tick(store, NOW + 119999);
	assert_string_equal(a.host, "trial");
	cfg_store_tick(store, NOW + 120000);
	assert_string_equal(a.host, "factory");
	assert_int_equal(cfg_store_deadline(store), 0);
	assert_int_equal(cfg_store_confirm(store, "anna"), -ENOENT);

	/* Confirmed: it stays. A change inside the window goes back with it when it is not. */
	commit_host(store, "kept", (struct cfg_commit){.confirm_min = 1});
	assert_int_equal(cfg_store_confirm(store, "anna"), 0);
	cfg_store_tick(store, NOW + 600000);
	assert_string_equal(a.host, "kept");
	commit_host(store, "trial", (struct cfg_commit){.confirm_min = 1});
	commit_host(store, "more", (struct cfg_commit){0});
	cfg_store_tick(store, NOW + 60000);
	assert_string_equal(a.host, "kept");

	/* A roll-back that is refused is tried again. */
	commit_host(store, "trial", (struct cfg_commit){.confirm_min = 1});
	a.answer = -EBUSY;
	cfg_store_tick(store, NOW + 60000);
	assert_string_equal(a.host, "trial");
	a.answer = 0;
	cfg_store_tick(store, NOW + 120000);
	assert_string_equal(a.host, "kept");
	cfg_store_close(store);
}

static void test_confirmed_crash(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);

	commit_host(store, "good", (struct cfg_commit){0});
	commit_host(store, "trial", (struct cfg_commit){.confirm_min = 5});
	crash(store);
	store = start_store(NULL, NULL);
	assert_string_equal(cfg_store_running(store)->hostname, "good");
	assert_int_equal(cfg_store_deadline(store), 0);
	cfg_store_close(store);
	store = start_store(NULL, NULL);
	assert_string_equal(cfg_store_running(store)->hostname, "factory");
	cfg_store_close(store);
}

static void test_damaged_startup(void **state)
{
	struct cfg_store *store;
	struct result result = {0};
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/startup.cfg", dir);
	file = fopen(path, "w");
	fputs("hostname = ", file);
	fclose(file);
	store = open_store(dir, NULL, NULL);
	cfg_store_start(store, "hostname = \"factory\";", done, &result);
	assert_int_equal(result.status, -EINVAL);
	assert_non_null(strstr(result.text, "startup.cfg line 1"));
	cfg_store_close(store);
}

static void test_disk_full(void **state)
{
	struct fake a;
	struct cfg_store *store = start_store(&a, NULL);
	char path[96];
	struct result r;

	/* A directory in the place of the temporary file: works for root too. */
	snprintf(path, sizeof(path), "%s/rev/.%06d.cfg.tmp", dir, 2);
	assert_int_equal(mkdir(path, 0700), 0);
	r = commit_host(store, "lost", (struct cfg_commit){0});
	assert_int_equal(r.status, -EISDIR);
	assert_string_equal(trace, "px");
	assert_string_equal(cfg_store_running(store)->hostname, "factory");
	assert_int_equal(rmdir(path), 0);
	r = commit_host(store, "kept", (struct cfg_commit){0});
	assert_int_equal(r.status, 0);
	cfg_store_close(store);
}

static void test_exclusive(void **state)
{
	struct cfg_store *store = start_store(NULL, NULL);
	struct cfg_candidate *cand = candidate(store, "bert"), *holder, *second;
	char error[CFG_ERROR_MAX];
	struct result r;

	assert_int_equal(cfg_candidate_new(store, "anna", true, &holder, error), 0);
	assert_int_equal(cfg_candidate_new(store, "bert", true, &second, error), -EBUSY);
	assert_string_equal(error, "the configuration is locked by anna");
	set_host(cand, "no");
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, -EBUSY);
	set_host(holder, "yes");
	r = commit(store, holder, (struct cfg_commit){0});
	assert_int_equal(r.status, 0);
	cfg_candidate_free(holder);
	r = commit(store, cand, (struct cfg_commit){0});
	assert_int_equal(r.status, -ECANCELED);
	assert_string_equal(r.text, "system: hostname was changed on both sides\n");
	cfg_candidate_free(cand);
	cfg_store_close(store);
}

static struct cfg *read_text(const char *text)
{
	char error[CFG_ERROR_MAX];
	struct cfg *cfg;

	if (cfg_from_text(text, strlen(text), "test", &cfg, error) < 0)
		fail_msg("%s", error);
	return cfg;
}

static void test_merge(void **state)
{
#define DP(tag, rest) "{ tag = " #tag "; " rest " }"
	static const struct {
		const char *base, *mine, *theirs, *merged, *conflicts;
	} cases[] = {
		/* different settings of one object */
		{DP(1, ""), DP(1, "preference = 1;"), DP(1, "huntstop = true;"),
			DP(1, "preference = 1; huntstop = true;"), NULL},
		/* the same change, different changes */
		{DP(1, ""), DP(1, "preference = 1;"), DP(1, "preference = 1;"),
			DP(1, "preference = 1;"), NULL},
		{DP(1, ""), DP(1, "preference = 1;"), DP(1, "preference = 2;"), NULL,
			"dial-peer 1: preference was changed on both sides\n"},
		/* new objects on both sides */
		{"", DP(1, ""), DP(2, ""), DP(1, "") "," DP(2, ""), NULL},
		{"", DP(1, "preference = 1;"), DP(1, "huntstop = true;"),
			DP(1, "preference = 1; huntstop = true;"), NULL},
		{"", DP(1, "preference = 1;"), DP(1, "preference = 2;"), NULL,
			"dial-peer 1: preference was changed on both sides\n"},
		/* removed */
		{DP(1, "") "," DP(2, ""), DP(1, ""), DP(1, "") "," DP(2, "") "," DP(3, ""),
			DP(1, "") "," DP(3, ""), NULL},
		{DP(1, ""), "", "", "", NULL},
		{DP(1, ""), "", DP(1, "preference = 2;"), NULL,
			"dial-peer 1: was removed here and changed there\n"},
		{DP(1, ""), DP(1, "preference = 2;"), "", NULL,
			"dial-peer 1: was changed here and removed there\n"},
		{DP(1, ""), DP(1, ""), "", "", NULL},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cfg *cfg[4], *result = NULL;
		const char *texts[4] = {
			cases[i].base, cases[i].mine, cases[i].theirs, cases[i].merged};
		struct buf conflicts = {0}, text = {0};
		int rc;
		for (int j = 0; j < 4; j++) {
			text.n = 0;
			buf_printf(&text, "dial_peers = ( %s );", texts[j] ? texts[j] : "");
			cfg[j] = read_text(text.p);
		}
		rc = cfg_merge(cfg[0], cfg[1], cfg[2], &result, &conflicts);
		assert_int_equal(rc, cases[i].conflicts ? -ECANCELED : 0);
		if (cases[i].conflicts)
			assert_string_equal(conflicts.p, cases[i].conflicts);
		else
			assert_true(cfg_equal(result, cfg[3]));
		cfg_free(result);
		for (int j = 0; j < 4; j++)
			cfg_free(cfg[j]);
		buf_free(&conflicts);
		buf_free(&text);
	}
}

static void test_validate(void **state)
{
	/* One change of the sample each: a line of it replaced. */
	static const struct {
		const char *old, *new;
		int rc;
		const char *error;
	} cases[] = {
		{"", "", 0, NULL},
		{"trunk = \"carrier\"", "trunk = \"none\"", -EINVAL,
			"there is no trunk of that name"},
		{"incoming_realm = \"access\"", "incoming_realm = \"x\"", -EINVAL,
			"no realm of that"},
		{"    realm = \"peering\";\n", "", -ENODATA, "trunk carrier: \"realm\" is missing"},
		{"    target = \"ipv4:192.0.2.77:5060\";\n", "", -ENODATA, "\"session target\" is"},
		{"device = \"0000:00:06.0\"", "device = \"net_af_packet,iface=veth0\"", -EINVAL,
			"is interface access0's already"},
		{"    device = \"0000:00:06.0\";\n", "", -EINVAL, "has no device"},
		{"\"192.0.2.1/24\"", "\"10.0.0.1/8\"", -EINVAL,
			"is an address of interface access0"},
		{"media_ipv4 = \"192.0.2.1\"", "media_ipv4 = \"192.0.2.2\"", -EINVAL,
			"is not an address of interface peer0"},
		{"media_ports = \"20000 29999\"", "media_ports = \"5000 6001\"", -EINVAL,
			"is inside the media ports of realm peering"},
		{"\"udp 192.0.2.1 5060\"", "\"udp 10.0.0.1 5060\"", -EINVAL,
			"is a listen address of realm access already"},
		{"listen = [ \"udp 192.0.2.1 5060\" ];", "", -ENODATA, "\"sip listen\" is missing"},
		{"\"udp 192.0.2.1 5060\"", "\"tcp 192.0.2.1 5060\"", -ENODATA,
			"has no \"sip listen udp\" with an IPv4 address"},
		{"\"192.0.2.254\"", "\"2001:db8::fe\"", -EINVAL, "of the other IP version"},
		{"    destination_pattern = \"0T\";\n", "", -ENODATA, "\"destination-pattern\" is"},
		{"    media_ipv4 = \"192.0.2.1\";\n", "", -ENODATA, "\"media address\" is missing"},
		{"trunk = \"carrier\"", "announcement = \"sorry\"", 0, NULL},
		{"trunk = \"carrier\"", "conference = \"sales\"", 0, NULL},
		{"trunk = \"carrier\"", "tone = \"busy\"; announcement_early = true", 0, NULL},
		{"trunk = \"carrier\"", "announcement = \"none\"", -EINVAL,
			"there is no voice class prompt of that name"},
		{"trunk = \"carrier\"", "huntstop = true", -ENODATA,
			"\"session target\" is missing"},
		{"trunk = \"carrier\"", "trunk = \"carrier\"; conference = \"sales\"", -EINVAL,
			"more than one \"session target\""},
		{"trunk = \"carrier\"", "conference = \"sales\"; announcement_loop = true", -EINVAL,
			"for session targets that play something"},
		{"trunk = \"carrier\"",
			"tone = \"busy\"; announcement_early = true; release_cause = 16", -EINVAL,
			"16 (normal clearing) is none"},
		{"flash:/sorry.wav", "/etc/passwd", -EINVAL, "it must be flash:/"},
		{"flash:/sorry.wav", "flash:/../sorry.wav", -EINVAL, "may begin with a dot"},
		{"flash:/sorry.wav", "flash:/de/.sorry.wav", -EINVAL, "may begin with a dot"},
		{"flash:/sorry.wav", "flash://sorry.wav", -EINVAL, "it must be flash:/"},
		{"flash:/sorry.wav", "flash:/de/", -EINVAL, "it must be flash:/"},
		{"flash:/sorry.wav", "flash:de/sorry.wav", 0, NULL},
		{"admission = \"any\"", "music_on_hold = \"x\"", -EINVAL,
			"there is no voice class prompt of that name"},
		{"admission = \"any\"", "announcements = [ \"404 sorry\", \"486 x\" ]", -EINVAL,
			"announcement status \"486 x\": there is no voice class prompt"},
		{"admission = \"any\"", "ringback_tone = true; ringback_prompt = \"sorry\"",
			-EINVAL, "exclude each other"},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = strstr(sample_config, cases[i].old);
		char error[CFG_ERROR_MAX] = "";
		struct buf text = {0};
		struct cfg *cfg;
		int rc;
		assert_non_null(at);
		buf_add(&text, sample_config, (size_t)(at - sample_config));
		buf_puts(&text, cases[i].new);
		buf_puts(&text, at + strlen(cases[i].old));
		cfg = read_text(text.p);
		rc = cfg_validate(cfg, error);
		if (rc != cases[i].rc || (cases[i].error && !strstr(error, cases[i].error)))
			fail_msg("case %u: %d, %s", i, rc, error);
		cfg_free(cfg);
		buf_free(&text);
	}
}

/* A class of suites that DTLS has no profile for. */
static void test_dtls_suites(void **state)
{
	static const struct {
		uint8_t realm, trunk, suite;
		uint32_t trunk_class;
		const char *error;
	} cases[] = {
		{CFG_KEYING_SDES, CFG_KEYING_REALM, DP_SRTP_CM_256_SHA1_80, 0, NULL},
		{CFG_KEYING_DTLS, CFG_KEYING_REALM, DP_SRTP_GCM_256, 0, NULL},
		{CFG_KEYING_DTLS, CFG_KEYING_SDES, DP_SRTP_CM_256_SHA1_80, 0, "realm peering"},
		{CFG_KEYING_SDES, CFG_KEYING_DTLS, DP_SRTP_CM_256_SHA1_32, 0, "trunk carrier"},
		{CFG_KEYING_SDES, CFG_KEYING_DTLS, DP_SRTP_CM_256_SHA1_32, 7, "trunk carrier"},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cfg *cfg = read_text(sample_config);
		char error[CFG_ERROR_MAX] = "";
		int rc;

		cfg->srtp_cryptos[0].n_crypto = 1;
		cfg->srtp_cryptos[0].crypto[0].value = cases[i].suite;
		cfg->realms[1].srtp_keying = cases[i].realm;
		cfg->trunks[0].srtp_keying = cases[i].trunk;
		cfg->trunks[0].srtp_crypto = cases[i].trunk_class;
		rc = cfg_validate(cfg, error);
		if (rc != (cases[i].error ? -EINVAL : 0) ||
			(cases[i].error && !strstr(error, cases[i].error)))
			fail_msg("case %u: %d, %s", i, rc, error);
		cfg_free(cfg);
	}
}

/* Certificates by the name that a client asks for. */
static void test_server_names(void **state)
{
	static const struct {
		const char *name; /* of the second profile, "" none */
		bool strict;
		int rc;
		const char *error;
	} cases[] = {
		{"sip.example.com", false, 0, NULL},
		{"sip.example.com", true, 0, NULL},
		{"*.example.com", true, 0, NULL},
		{"", false, -ENODATA, "leads to a profile without \"server-name\""},
		{"*", false, -EINVAL, "\"server-name *\" is no host name"},
		{"sip.*.com", false, -EINVAL, "is no host name"},
		{"sip.example.com:5061", false, -EINVAL, "is no host name"},
		{"a..b", false, -EINVAL, "is no host name"},
		{"example.com.", false, -EINVAL, "is no host name"},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cfg *cfg = read_text(sample_config);
		char error[CFG_ERROR_MAX] = "";
		struct cfg_tls_profile *p;
		int rc;

		for (unsigned int k = 0; k < 2; k++) {
			void *obj;

			assert_int_equal(cfg_object_add(cfg, CFG_TLS_PROFILE,
						 view_of(k ? "901" : "900"), &obj, error),
				0);
			p = obj;
			snprintf(p->certificate, sizeof(p->certificate), "/x.pem");
			snprintf(p->private_key, sizeof(p->private_key), "/x.key");
		}
		p = (struct cfg_tls_profile *)cfg_find_tls_profile(cfg, 901);
		p->n_server_names = cases[i].name[0] != '\0';
		snprintf(p->server_names[0], sizeof(p->server_names[0]), "%s", cases[i].name);
		p = (struct cfg_tls_profile *)cfg_find_tls_profile(cfg, 900);
		p->n_sni_profiles = 1;
		p->sni_profiles[0] = 901;
		p->sni_strict = cases[i].strict;
		rc = cfg_validate(cfg, error);
		if (rc != cases[i].rc || (cases[i].error && !strstr(error, cases[i].error)))
			fail_msg("case %u: %d, %s", i, rc, error);
		p->n_sni_profiles = 0;
		p->sni_strict = true;
		rc = cfg_validate(cfg, error);
		if (rc == 0 || (cases[i].rc == 0 && !strstr(error, "whom else may a client")))
			fail_msg("case %u, strict without names: %d, %s", i, rc, error);
		cfg_free(cfg);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_phases),
		T(test_invalid),
		T(test_async),
		T(test_history_and_rollback),
		T(test_groups),
		T(test_save),
		T(test_crash_keeps_running),
		T(test_confirmed),
		T(test_confirmed_crash),
		T(test_damaged_startup),
		T(test_disk_full),
		T(test_exclusive),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_validate),
		cmocka_unit_test(test_dtls_suites),
		cmocka_unit_test(test_server_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
