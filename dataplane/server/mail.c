/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See mail.h. */
#include "dataplane/server/mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"

LOG_TOPIC("mail");

#define N_LETTERS  WORKER_MAILBOX
#define WAIT_MS	   2000
#define NAP_NS	   20000
#define TURN_BURST 64

struct mail {
	struct worker_group *group;
	struct letter *free;
	unsigned int n_free;
	struct letter letters[N_LETTERS];
};

int mail_new(struct worker_group *group, struct mail **ret_mail)
{
	struct mail *m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	m->group = group;
	for (unsigned int i = 0; i < N_LETTERS; i++) {
		m->letters[i].next = m->free;
		m->free = &m->letters[i];
	}
	m->n_free = N_LETTERS;
	*ret_mail = m;
	return 0;
}

void mail_free(struct mail *mail)
{
	free(mail);
}

unsigned int mail_n_free(const struct mail *mail)
{
	return mail->n_free;
}

int mail_reserve(struct mail *mail, unsigned int n)
{
	uint64_t deadline_ms = 0;
	while (mail->n_free < n) {
		if (mail_turn(mail))
			continue;
		uint64_t now_ms = clock_mono_ms();
		if (!deadline_ms)
			deadline_ms = now_ms + WAIT_MS;
		if (now_ms >= deadline_ms) {
			log_err("a packet worker does not take its messages");
			return -ETIMEDOUT;
		}
		nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	}
	return 0;
}

int mail_flush(struct mail *mail)
{
	return mail_reserve(mail, N_LETTERS);
}

struct letter *mail_letter(struct mail *mail, enum worker_op op, letter_done_fn done, void *arg)
{
	struct letter *l = mail->free;
	if (!l)
		abort(); /* posted more than was reserved */
	mail->free = l->next;
	mail->n_free--;
	memset(&l->msg, 0, sizeof l->msg);
	l->msg.op = op;
	l->msg.owner = l;
	l->done = done;
	l->arg = arg;
	l->next = NULL;
	return l;
}

void mail_post(struct mail *mail, uint32_t worker, struct letter *letter)
{
	/* There are as many letters as one mailbox has room for. */
	if (worker_post(mail->group, worker, &letter->msg))
		abort();
}

unsigned int mail_turn(struct mail *mail)
{
	struct worker_msg *done[TURN_BURST];
	unsigned int n, total = 0;
	while ((n = worker_completions(mail->group, done, TURN_BURST)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			struct letter *l = done[i]->owner;
			if (l->done)
				l->done(l, l->arg);
			l->next = mail->free;
			mail->free = l;
			mail->n_free++;
		}
		total += n;
	}
	return total;
}
