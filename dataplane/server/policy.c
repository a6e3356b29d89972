/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See policy.h. */
#include "dataplane/server/policy.h"

#include <errno.h>

int policy_police_set(const struct media *media, const struct dp_police *conf)
{
	if (conf->n_sip_ports > DP_POLICE_SIP_PORTS)
		return -EINVAL;
	/* So that equal settings are equal bytes. */
	for (uint32_t i = conf->n_sip_ports; i < DP_POLICE_SIP_PORTS; i++)
		if (conf->sip_ports[i])
			return -EINVAL;
	int err = mail_reserve(media->mail, media->n_workers);
	for (uint32_t w = 0; !err && w < media->n_workers; w++) {
		struct letter *l = mail_letter(media->mail, WORKER_POLICE_SET, NULL, NULL);
		l->msg.police = *conf;
		mail_post(media->mail, w, l);
	}
	return err ? err : mail_flush(media->mail);
}
