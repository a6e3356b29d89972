/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See nat_peer.h. */
#include "controlplane/core/nat_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("nat");

struct nat_peer {
	struct nat_peer_ops ops;
	struct sessions *sessions;
	struct process process;
	struct ctl_nat_info info;
};

struct nat_peer *nat_peer_new(const struct nat_peer_ops *ops)
{
	struct nat_peer *nat = calloc(1, sizeof(*nat));

	if (nat != NULL)
		nat->ops = *ops;
	return nat;
}

void nat_peer_free(struct nat_peer *nat)
{
	free(nat);
}

void nat_peer_bind(struct nat_peer *nat, struct sessions *sessions)
{
	nat->sessions = sessions;
}

const struct process *nat_peer_process(const struct nat_peer *nat)
{
	return &nat->process;
}

const struct ctl_nat_info *nat_peer_info(const struct nat_peer *nat)
{
	return &nat->info;
}

void nat_peer_dtls(struct nat_peer *nat, const struct media_session *session, unsigned int leg)
{
	const struct ctl_dtls *dtls = &session->dtls[leg];
	struct ctl_nat msg = {
		.id = {.session_id = session->id, .leg = leg, .association = dtls->association},
		.dtls = *dtls,
		.remote = session->conf.leg[leg].remote_rtp,
	};

	if (nat->process.peer == NULL)
		return; /* it is told when it is back */
	if (dtls->role == CTL_DTLS_NONE)
		ipc_send(nat->process.peer, CTL_NAT_DEL, 0, 0, 0, &msg.id, sizeof(msg.id), NULL, 0);
	else if (dtls->role != CTL_DTLS_CLIENT || ipaddr_is_set(&msg.remote))
		ipc_send(nat->process.peer, CTL_NAT_SET, 0, 0, 0, &msg, sizeof(msg), NULL, 0);
}

void nat_peer_up(struct nat_peer *nat, struct ipc_peer *peer)
{
	size_t pos = 0;

	if (nat->process.peer != NULL)
		ipc_peer_close(nat->process.peer, "another limen-nat took its place");
	process_up(&nat->process, peer, nat->ops.wall_ms(nat->ops.arg));
	log_notice("limen-nat is connected");
	for (struct media_session *s; (s = sessions_walk(nat->sessions, &pos)) != NULL;) {
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			if (s->dtls[leg].role != CTL_DTLS_NONE && !sessions_keyed(s, leg))
				nat_peer_dtls(nat, s, leg);
	}
}

void nat_peer_down(struct nat_peer *nat, struct ipc_peer *peer)
{
	if (nat->process.peer != peer)
		return;
	process_down(&nat->process, nat->ops.wall_ms(nat->ops.arg));
	memset(&nat->info.own, 0, sizeof(nat->info.own));
	log_warning(
		"limen-nat is gone: no DTLS handshakes until it is back; calls keep their keys");
	nat->ops.changed(nat->ops.arg);
}

static int on_keys(struct nat_peer *nat, const struct ctl_nat_keys *keys)
{
	if (!dp_srtp_valid(&keys->rx) || !dp_srtp_valid(&keys->tx) || keys->zero != 0 ||
		keys->rx.suite == DP_SRTP_NONE || keys->rx.suite != keys->tx.suite)
		return -EPROTO;
	if (sessions_keys(nat->sessions, keys) < 0)
		log_debug("keys for session %llu, which does not want them any more",
			(unsigned long long)keys->id.session_id);
	return 0;
}

static int on_failed(struct nat_peer *nat, const struct ctl_nat_id *id)
{
	const struct media_session *s = sessions_by_id(nat->sessions, id->session_id);

	if (id->leg >= DP_LEGS)
		return -EPROTO;
	if (s != NULL && s->dtls[id->leg].role != CTL_DTLS_NONE &&
		s->dtls[id->leg].association == id->association && !sessions_keyed(s, id->leg))
		nat->ops.failed(nat->ops.arg, s, id->leg);
	return 0;
}

static int on_info(struct nat_peer *nat, const struct ctl_nat_info *info)
{
	bool other = memcmp(&nat->info.own, &info->own, sizeof(info->own)) != 0;

	if (!fingerprint_valid(&info->own) || info->own.hash == FINGERPRINT_NONE || info->zero != 0)
		return -EPROTO;
	nat->info = *info;
	if (other)
		nat->ops.changed(nat->ops.arg);
	return 0;
}

int nat_peer_message(struct nat_peer *nat, const struct ipc_hdr *hdr, const void *body)
{
	switch (hdr->type) {
	case CTL_NAT_KEYS:
		return on_keys(nat, body);
	case CTL_NAT_FAILED:
		return on_failed(nat, body);
	case CTL_NAT_INFO:
		return on_info(nat, body);
	default: /* CTL_NAT_REPLAY_DONE: by the table of peers.c there is nothing else */
		/*
		 * It has told what it had, perhaps before limen-sip told us of the sessions: then
		 * each of them asks for its keys. So this alone ends no waiting, see control.c.
		 */
		return 0;
	}
}
