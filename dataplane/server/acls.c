/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See acls.h. */
#include "dataplane/server/acls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "controlplane/base/ipc.h"

struct list {
	struct dp_acl *conf; /* NULL: free */
	struct acl *acl;
	uint16_t rows[DP_ACL_RULES_MAX]; /* of its rules */
	uint16_t zero[DP_ACL_RULES_MAX]; /* read by the workers while a letter is under way */
	uint16_t last_row;		 /* given out last: one that was left rests for longest */
};

struct acls {
	struct acls_conf conf;
	uint64_t number;
	struct dp_access access;
	struct list lists[DP_ACLS_MAX];
};

int acls_new(const struct acls_conf *conf, struct acls **ret_acls)
{
	struct acls *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->conf = *conf;
	*ret_acls = s;
	return 0;
}

void acls_free(struct acls *acls)
{
	if (!acls)
		return;
	for (unsigned int i = 0; i < DP_ACLS_MAX; i++) {
		acls->conf.unmake(acls->lists[i].acl);
		free(acls->lists[i].conf);
	}
	free(acls);
}

static size_t conf_len(const struct dp_acl *conf)
{
	return sizeof *conf + conf->n * sizeof conf->rules[0];
}

/* Index, -1: there is none. */
static int find(const struct acls *s, const char *name, uint32_t family)
{
	for (int i = 0; i < DP_ACLS_MAX; i++) {
		const struct dp_acl *conf = s->lists[i].conf;
		if (conf && conf->family == family && !strcmp(conf->name, name))
			return i;
	}
	return -1;
}

static int find_free(const struct acls *s)
{
	for (int i = 0; i < DP_ACLS_MAX; i++)
		if (!s->lists[i].conf)
			return i;
	return -1;
}

/* ---- counters ---- */

static const struct dp_acl_rule *rule_of_seq(
	const struct dp_acl *conf, uint32_t seq, uint32_t *ret_i)
{
	for (uint32_t i = 0; conf && i < conf->n; i++) {
		if (conf->rules[i].seq == seq) {
			*ret_i = i;
			return &conf->rules[i];
		}
	}
	return NULL;
}

/* A row that neither an old rule has nor a new one got; there are enough. */
static uint16_t row_take(struct list *list, bool *taken)
{
	unsigned int row = list->last_row;
	do
		row = row + 1 < DP_ACL_ROWS ? row + 1 : DP_ACL_ROW_RULES;
	while (row < DP_ACL_ROW_RULES || taken[row]);
	taken[row] = true;
	list->last_row = (uint16_t)row;
	return (uint16_t)row;
}

/* The rows of the new rules; those that begin at 0 go to zero. How many do. */
static unsigned int rows_choose(
	struct list *list, const struct dp_acl *conf, uint16_t *rows, uint16_t *zero)
{
	bool taken[DP_ACL_ROWS] = {false};
	unsigned int n_zero = 0;
	uint32_t old;

	for (uint32_t i = 0; list->conf && i < list->conf->n; i++)
		taken[list->rows[i]] = true;
	for (uint32_t i = 0; i < conf->n; i++) {
		const struct dp_acl_rule *r = rule_of_seq(list->conf, conf->rules[i].seq, &old);
		if (r && !memcmp(r, &conf->rules[i], sizeof *r)) {
			rows[i] = list->rows[old];
		} else {
			rows[i] = row_take(list, taken);
			zero[n_zero++] = rows[i];
		}
	}
	return n_zero;
}

static void seq_publish(struct dp_acl_info *info, uint16_t row, uint32_t seq)
{
	__atomic_store_n(&info->seq[row], seq, __ATOMIC_RELAXED);
}

/* ---- lists ---- */

static int post(struct acls *s, const struct worker_acl *letter)
{
	int err = mail_reserve(s->conf.mail, s->conf.n_workers);
	for (uint32_t w = 0; !err && w < s->conf.n_workers; w++) {
		struct letter *l = mail_letter(s->conf.mail, WORKER_ACL_SET, NULL, NULL);
		l->msg.acl = *letter;
		mail_post(s->conf.mail, w, l);
	}
	return err ? err : mail_flush(s->conf.mail);
}

static int check(const struct dp_acl *conf)
{
	return ipc_str_ok(conf->name, sizeof conf->name) && conf->name[0] ? acl_check(conf)
									  : -EINVAL;
}

/* To the workers, and the old one to nobody. */
static int list_replace(struct acls *s, int i, struct dp_acl *conf)
{
	struct list *list = &s->lists[i];
	struct dp_acl_info *info = &s->conf.info[i];
	uint16_t rows[DP_ACL_RULES_MAX];
	struct acl *acl;
	bool fresh = !list->conf;
	unsigned int n_zero = rows_choose(list, conf, rows, list->zero);
	int err = s->conf.make(conf, rows, ++s->number, SOCKET_ID_ANY, &acl);

	if (err)
		return err;
	for (uint32_t k = 0; list->conf && k < list->conf->n; k++) {
		bool stays = false;
		for (uint32_t r = 0; r < conf->n; r++)
			stays |= rows[r] == list->rows[k];
		if (!stays)
			seq_publish(info, list->rows[k], 0);
	}
	struct worker_acl letter = {.index = (uint8_t)i,
		.acl = acl,
		.zero_all = fresh,
		.zero = list->zero,
		.n_zero = (uint16_t)n_zero};
	err = post(s, &letter);
	if (err)
		return err; /* a worker hangs, and may have either: both stay */
	s->conf.unmake(list->acl);
	free(list->conf);
	list->acl = acl;
	list->conf = conf;
	memcpy(list->rows, rows, sizeof rows);
	info->family = conf->family;
	memcpy(info->name, conf->name, sizeof info->name);
	for (uint32_t r = 0; r < conf->n; r++)
		seq_publish(info, rows[r], conf->rules[r].seq);
	return 0;
}

int acls_set(struct acls *acls, const struct dp_acl *conf)
{
	struct dp_acl *copy;
	int err = check(conf), i;
	if (err)
		return err;
	i = find(acls, conf->name, conf->family);
	if (i >= 0 && conf_len(acls->lists[i].conf) == conf_len(conf) &&
		!memcmp(acls->lists[i].conf, conf, conf_len(conf)))
		return 0;
	if (i < 0)
		i = find_free(acls);
	if (i < 0)
		return -ENOSPC;
	copy = malloc(conf_len(conf));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, conf, conf_len(conf));
	err = list_replace(acls, i, copy);
	if (err)
		free(copy);
	return err;
}

static bool in_use(const struct acls *s, const struct dp_acl_name *name)
{
	for (uint32_t i = 0; i < s->access.n; i++) {
		const struct dp_access_port *p = &s->access.ports[i];
		if (!strcmp(name->family == 4 ? p->in4 : p->in6, name->name))
			return true;
	}
	return false;
}

static bool name_ok(const struct dp_acl_name *name)
{
	return ipc_str_ok(name->name, sizeof name->name) && !name->zero;
}

int acls_del(struct acls *acls, const struct dp_acl_name *name)
{
	int i = name_ok(name) && name->name[0] ? find(acls, name->name, name->family) : -1;
	if (i < 0)
		return name_ok(name) ? -ENOENT : -EINVAL;
	if (in_use(acls, name))
		return -EBUSY;
	struct list *list = &acls->lists[i];
	int err = post(acls, &(struct worker_acl){.index = (uint8_t)i});
	if (err)
		return err;
	acls->conf.unmake(list->acl);
	free(list->conf);
	*list = (struct list){0};
	memset(&acls->conf.info[i], 0, sizeof acls->conf.info[i]);
	return 0;
}

int acls_clear(struct acls *acls, const struct dp_acl_name *name)
{
	bool any = false;
	if (!name_ok(name))
		return -EINVAL;
	for (int i = 0; i < DP_ACLS_MAX; i++) {
		const struct list *list = &acls->lists[i];
		if (!list->conf || (name->name[0] && (strcmp(list->conf->name, name->name) ||
							     list->conf->family != name->family)))
			continue;
		int err = post(
			acls, &(struct worker_acl){
				      .index = (uint8_t)i, .acl = list->acl, .zero_all = true});
		if (err)
			return err;
		any = true;
	}
	return any || !name->name[0] ? 0 : -ENOENT;
}

/* ---- ports ---- */

static bool access_port_ok(const struct dp_access_port *p)
{
	return ipc_str_ok(p->port, sizeof p->port) && ipc_str_ok(p->in4, sizeof p->in4) &&
	       ipc_str_ok(p->in6, sizeof p->in6) && p->port[0];
}

int acls_access_post(struct acls *acls)
{
	struct worker_access access = {0};
	for (uint32_t i = 0; i < acls->access.n; i++) {
		const struct dp_access_port *p = &acls->access.ports[i];
		uint8_t port;
		if (ports_find(acls->conf.ports, p->port, &port))
			continue; /* not here yet: asked again before the workers get it */
		/* Both are there: a list that a port uses cannot be removed. */
		access.list[0][port] = (uint8_t)(p->in4[0] ? find(acls, p->in4, 4) + 1 : 0);
		access.list[1][port] = (uint8_t)(p->in6[0] ? find(acls, p->in6, 6) + 1 : 0);
	}
	int err = mail_reserve(acls->conf.mail, acls->conf.n_workers);
	for (uint32_t w = 0; !err && w < acls->conf.n_workers; w++) {
		struct letter *l = mail_letter(acls->conf.mail, WORKER_ACCESS_SET, NULL, NULL);
		l->msg.access = access;
		mail_post(acls->conf.mail, w, l);
	}
	return err ? err : mail_flush(acls->conf.mail);
}

int acls_access_set(struct acls *acls, const struct dp_access *conf)
{
	static const struct dp_access_port none;
	if (conf->n > DP_PORTS_MAX || conf->zero)
		return -EINVAL;
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++)
		if (i < conf->n ? !access_port_ok(&conf->ports[i])
				: memcmp(&conf->ports[i], &none, sizeof none) != 0)
			return -EINVAL;
	for (uint32_t i = 0; i < conf->n; i++) {
		const struct dp_access_port *p = &conf->ports[i];
		if ((p->in4[0] && find(acls, p->in4, 4) < 0) ||
			(p->in6[0] && find(acls, p->in6, 6) < 0))
			return -ENOENT;
	}
	acls->access = *conf;
	return acls_access_post(acls);
}
