/* SPDX-License-Identifier: BSD-2-Clause */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- options -------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct plan, member)

static const struct row {
	const char *name;
	bool is_flag;
	size_t at;
	unsigned long initial;
	const char *what;
} rows[] = {
	{ "size", false, AT(size), 4096, "bytes of a command" },
	{ "depth", false, AT(depth), 32, "commands under way on each connection" },
	{ "connections", false, AT(connections), 1, "how many" },
	{ "mix", false, AT(read_percent), 100, "reads among all commands, in percent" },
	{ "in-capsule", false, AT(in_capsule), 16384, "most data within a command's capsule" },
	{ "milliseconds", false, AT(milliseconds), 2000, "how long" },
	{ "server-cpu", false, AT(server_cpu), 0, "the server's CPU" },
	{ "client-cpu", false, AT(client_cpu), 1, "the client's" },
	{ "responses", true, AT(responses), 0, "reads end by a response capsule" },
	{ "spin", true, AT(spins), 0, "the server asks without end instead of sleeping" },
	{ "client-spin", true, AT(client_spins), 0, "the client does" },
	{ "hot", true, AT(hot), 0, "one buffer instead of a cold area of 256 MiB" },
	{ "huge", true, AT(huge), 0, "huge pages for the area" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void help(void)
{
	printf("usage: floor [--OPTION [N] ...]\n\n"
	       "Moves NVMe/TCP-shaped bytes over loopback: no target can be faster.\n\n");
	for (size_t i = 0; i < ROWS; i++)
		printf(rows[i].is_flag ? "  --%-14s %s\n" : "  --%-14s %s (%lu)\n", rows[i].name,
		       rows[i].what, rows[i].initial);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	errno = 0;
	if (end == text || *end)
		die("a value is no number");
	return value;
}

static void set(struct plan *plan, const struct row *row, const char *text)
{
	char *place = (char *)plan + row->at;

	if (row->is_flag)
		*(bool *)place = true;
	else
		*(unsigned long *)place = text ? number(text) : row->initial;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	struct option options[ROWS + 2] = { [ROWS] = { "help", no_argument, NULL, ROWS } };
	int value;

	memset(plan, 0, sizeof(*plan));
	for (int i = 0; i < (int)ROWS; i++) {
		options[i] = (struct option){ rows[i].name, rows[i].is_flag ? no_argument :
					      required_argument, NULL, i };
		if (!rows[i].is_flag)
			set(plan, &rows[i], NULL);
	}
	while ((value = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (value < 0 || value >= (int)ROWS) {
			help();
			exit(value == ROWS ? EXIT_SUCCESS : EXIT_FAILURE);
		}
		set(plan, &rows[value], optarg);
	}
	if (!plan->size || plan->size > AREA_SIZE || !plan->depth || !plan->connections)
		die("size, depth and connections are at least 1");
}

/* ---- the run --------------------------------------------------------------------------------- */

static int listen_somewhere(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof(*address)) ||
	    listen(fd, SOMAXCONN) || getsockname(fd, (struct sockaddr *)address, &length))
		die("listen");
	return fd;
}

static pid_t start_server(const struct plan *plan, int listener, int ready[2])
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork");
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(EXIT_FAILURE);
	serve(plan, listener, ready[1]);
	exit(EXIT_SUCCESS);
}

static int *connect_all(const struct plan *plan, const struct sockaddr_in *address)
{
	int *sockets = calloc(plan->connections, sizeof(int));

	if (!sockets)
		die("memory");
	for (unsigned long i = 0; i < plan->connections; i++) {
		sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (sockets[i] < 0 || connect(sockets[i], (const struct sockaddr *)address,
					      sizeof(*address)))
			die("connect");
	}
	return sockets;
}

static void print(const struct plan *plan, const struct outcome *o)
{
	double ios = (double)(o->reads + o->writes), per = ios > 0 ? 1e6 / ios : 0;

	printf("{ \"iops\": %.1f, \"mib_per_second\": %.1f, \"seconds\": %.3f,\n"
	       "  \"reads\": %" PRIu64 ", \"writes\": %" PRIu64 ",\n"
	       "  \"server_cpu_us_per_io\": %.3f, \"server_cpu\": %.3f, \"client_cpu\": %.3f,\n"
	       "  \"latency_us\": { \"mean\": %.2f } }\n",
	       ios / o->seconds, ios * (double)plan->size / 1048576 / o->seconds, o->seconds,
	       o->reads, o->writes, o->server_busy * per, o->server_busy / o->seconds,
	       o->client_busy / o->seconds,
	       o->seconds * per * (double)(plan->depth * plan->connections));
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	struct outcome outcome;
	struct plan plan;
	int listener, ready[2], *sockets;
	pid_t server;
	char byte;

	parse(&plan, argc, argv);
	listener = listen_somewhere(&address);
	if (pipe(ready))
		die("pipe");
	server = start_server(&plan, listener, ready);
	close(ready[1]);
	pin_to_cpu(plan.client_cpu);
	sockets = connect_all(&plan, &address);
	errno = 0;
	if (read(ready[0], &byte, 1) != 1)
		die("the server did not start");
	outcome = load(&plan, sockets);
	print(&plan, &outcome);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	free(sockets);
	return EXIT_SUCCESS;
}
