/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells the service manager about this process, in the protocol of sd_notify(3). Any thread. */
#pragma once

/*
 * Sends state, for example "READY=1" or "STOPPING=1\nSTATUS=...". 1: sent; 0: NOTIFY_SOCKET is
 * not set, nobody wants to know; negative errno otherwise.
 */
int notify_send(const char *state);
