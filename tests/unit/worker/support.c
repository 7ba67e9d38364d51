/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <unistd.h>

struct errand {
	struct worker_message message;
	void (*run)(void *);
	void *argument;
	sem_t done;
};

static void run_errand(struct worker_message *m)
{
	struct errand *e = container_of(m, struct errand, message);

	e->run(e->argument);
	sem_post(&e->done);
}

void run_on(struct worker *w, void (*run)(void *), void *argument)
{
	struct errand e = { .message.run = run_errand, .run = run, .argument = argument };

	sem_init(&e.done, 0, 0);
	worker_post(w, &e.message);
	while (sem_wait(&e.done) && errno == EINTR)
		;
	sem_destroy(&e.done);
}

int loopback_pair(int *target)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(here);
	int little = 65536, host, listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &length), 0);
	host = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(host, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	assert_int_equal(connect(host, (struct sockaddr *)&here, sizeof(here)), 0);
	*target = accept(listener, NULL, NULL);
	assert_true(*target >= 0);
	setsockopt(*target, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
	close(listener);
	return host;
}
