/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rights that a process gives up when it starts. Main thread, before any other is there. */
#pragma once

/*
 * Becomes an ordinary user when started as root (user NULL: stays, with a warning), and from then on
 * gains no right any more. 0, -ENOENT: there is no such user, or what the kernel said; both are logged.
 */
int rights_become(const char *user) __attribute__((warn_unused_result));

/* Its memory holds what nobody may see: no core file, and nobody of the same user looks in. */
int rights_hide_memory(void) __attribute__((warn_unused_result));
