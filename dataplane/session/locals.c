/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local ends of a session: see priv.h. */
#include "dataplane/session/priv.h"

#include <errno.h>
#include <string.h>

static bool is_shared(const struct dp_leg *leg)
{
	return leg->flags & DP_LEG_BUNDLE;
}

/* Who has the port that a leg wants; ret_row NULL: nobody. -EADDRINUSE: it is not to be shared. */
static int port_user(const struct sessions *ss, const struct dp_session *conf, unsigned int leg,
	uint8_t index, const struct row *self, struct row **ret_row, unsigned int *ret_leg)
{
	uint32_t slot = addrs_port_owner(ss->conf.addrs, index, ipaddr_port(&conf->leg[leg].local));
	*ret_row = NULL;
	if (slot == ADDRS_SLOT_NONE)
		return 0;
	struct row *row = store_row(ss->store, slot / DP_LEGS);
	unsigned int theirs = slot % DP_LEGS;
	if (row == self && (row->leg[theirs].bundle == NULL || !is_shared(&conf->leg[leg])))
		return row->leg[theirs].bundle && row->leg[theirs].bundle->n_members > 1
			       ? -EADDRINUSE
			       : 0;
	if (!is_shared(&conf->leg[leg]) || !row->leg[theirs].bundle ||
		row->conf.call_id != conf->call_id)
		return -EADDRINUSE;
	*ret_row = row;
	*ret_leg = theirs;
	return 0;
}

static int leg_prepare(const struct sessions *ss, const struct dp_session *conf, unsigned int leg,
	const struct row *self, struct locals *ret)
{
	const struct dp_leg *l = &conf->leg[leg];
	uint16_t port = ipaddr_port(&l->local);
	uint16_t last = port + !(l->flags & DP_LEG_RTCP_MUX);
	struct row *other;
	unsigned int theirs;
	if (addrs_find(ss->conf.addrs, &l->local, &ret->index[leg]) ||
		!addrs_port_ok(ss->conf.addrs, ret->index[leg], port) ||
		!addrs_port_ok(ss->conf.addrs, ret->index[leg], last))
		return -EADDRNOTAVAIL;
	int err = port_user(ss, conf, leg, ret->index[leg], self, &other, &theirs);
	if (err || !is_shared(l))
		return err;
	if (!other) {
		ret->bundle[leg] = bundle_port_new();
		return ret->bundle[leg] ? 0 : -ENOMEM;
	}
	ret->bundle[leg] = other->leg[theirs].bundle;
	bool in_it = self && self->leg[leg].bundle == ret->bundle[leg];
	return in_it || ret->bundle[leg]->n_members < DP_BUNDLE_LINES ? 0 : -ENOSPC;
}

int locals_prepare(const struct sessions *ss, const struct dp_session *conf, const struct row *self,
	struct locals *ret)
{
	struct locals l = {.index = {STREAM_ADDR_NONE, STREAM_ADDR_NONE}};
	int err = 0;
	for (unsigned int leg = 0; leg < dp_session_n_legs(conf) && !err; leg++)
		err = leg_prepare(ss, conf, leg, self, &l);
	if (err)
		locals_drop(&l);
	else
		*ret = l;
	return err;
}

void locals_drop(struct locals *locals)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (locals->bundle[leg] && !locals->bundle[leg]->refs)
			bundle_port_free(locals->bundle[leg]);
}

static void leg_take(
	struct sessions *ss, struct row *row, unsigned int leg, const struct locals *locals)
{
	struct bundle_port *bundle = locals->bundle[leg];
	row->leg[leg].addr_index = locals->index[leg];
	row->leg[leg].bundle = bundle;
	if (locals->index[leg] == STREAM_ADDR_NONE)
		return;
	if (!bundle || !bundle->n_members)
		addrs_port_take(ss->conf.addrs, locals->index[leg],
			ipaddr_port(&row->conf.leg[leg].local), row_slot(ss, row, leg));
	if (bundle)
		bundle_port_enter(bundle, row_slot(ss, row, leg));
}

/* Returns what it shared the port by, whose reference is the caller's now. */
static struct bundle_port *leg_release(
	struct sessions *ss, struct row *row, unsigned int leg, const struct ipaddr *local)
{
	struct bundle_port *bundle = row->leg[leg].bundle;
	uint8_t index = row->leg[leg].addr_index;
	row->leg[leg].bundle = NULL;
	if (index == STREAM_ADDR_NONE)
		return NULL;
	if (bundle)
		bundle_port_leave(bundle, row_slot(ss, row, leg));
	addrs_port_release(ss->conf.addrs, index, ipaddr_port(local));
	if (bundle && bundle->n_members)
		addrs_port_take(ss->conf.addrs, index, ipaddr_port(local), bundle->member[0]);
	return bundle;
}

void locals_take(struct sessions *ss, struct row *row, const struct locals *locals)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		leg_take(ss, row, leg, locals);
}

void locals_change(struct sessions *ss, struct row *row, const struct dp_session *old,
	const struct locals *locals, struct bundle_port *ret_left[DP_LEGS])
{
	bool stays[DP_LEGS];
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		stays[leg] = ipaddr_equal(&old->leg[leg].local, &row->conf.leg[leg].local) &&
			     row->leg[leg].bundle == locals->bundle[leg];
		ret_left[leg] = stays[leg] ? NULL : leg_release(ss, row, leg, &old->leg[leg].local);
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (!stays[leg])
			leg_take(ss, row, leg, locals);
}

void locals_release(struct sessions *ss, struct row *row, struct bundle_port *ret_left[DP_LEGS])
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		ret_left[leg] = leg_release(ss, row, leg, &row->conf.leg[leg].local);
}
