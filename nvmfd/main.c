/* SPDX-License-Identifier: BSD-2-Clause */
/* The composition root: from the command line to a running daemon and back. */
#include "daemon.h"
#include "device_spec.h"
#include "journal.h"
#include "loaded.h"
#include "options.h"
#include "server.h"
#include "state.h"
#include "version.h"
#include "model/model.h"
#include "rpc/socket.h"
#include "rpc/target.h"
#include "wire/fabrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everything that main owns. */
struct nvmfd {
	struct nvmfd_options options;
	struct loaded file;		/* of --config */
	struct device_spec *devices;
	struct state state;
	struct journal *journal;
	struct pidfile pidfile;
	struct server *server;
	struct rpc_file calls;		/* about the file */
	bool has_ports_file;		/* of ours */
	int report;			/* to the waiting parent; -1: none */
	int signals;
	char error[8192];	/* a sentence may hold a path */
};

static bool is_background(const struct nvmfd *n)
{
	return !n->options.foreground && !n->options.debug;
}

static bool has_pidfile(const struct nvmfd *n)
{
	return is_background(n) || n->options.pidfile;
}

/* ---- the lines that a user types ------------------------------------------------------- */

/* Besides those of the file, the model has ports that kernel mode needs. */
static bool is_of_file(const struct nvmfd *n, const struct port *p)
{
	for (size_t i = 0; i < n->file.config.port_count; i++)
		if (n->file.config.ports[i].portid.value == p->id)
			return true;
	return false;
}

/* Where a user of this machine reaches it. */
static const char *an_address(const struct nvmfd_options *o)
{
	if (!o->listen_count || !strcmp(o->listen[0], "0.0.0.0"))
		return "127.0.0.1";
	return strcmp(o->listen[0], "::") ? o->listen[0] : "::1";
}

static void print_what(const struct nvmfd *n)
{
	const struct array *ports = &model_snapshot(server_model(n->server))->ports;

	printf("nvmfd serves what %s says:\n", loaded_name(&n->file));
	for (unsigned int i = 0; i < ports->count; i++) {
		const struct port *p = ports->at[i];

		if (is_of_file(n, p))
			printf("  port %u: %s, TCP port %u\n", p->id, p->address, p->service);
	}
	if (n->options.kernel)
		printf("by the kernel's target; discovery port %u\n", server_discovery_port(n->server));
	fflush(stdout);
}

static void print_how(const struct nvmfd *n, const char *nqn)
{
	const char *address = an_address(&n->options);

	if (!n->options.device_count) {
		if (n->options.rpc_socket)
			printf("nvmfd takes calls at %s; ", n->options.rpc_socket);
		printf("hosts find %s at discovery port %u\n\n",
		       n->options.rpc_socket ? "it" : "nvmfd", server_discovery_port(n->server));
		fflush(stdout);
		return;
	}
	printf("nvmfd serves %zu namespace%s of %s\n"
	       "on %s: discovery port %u, I/O port %u. On a Linux host, as root:\n\n"
	       "  modprobe nvme-tcp\n"
	       "  nvme discover -t tcp -a %s -s %u\n"
	       "  nvme connect  -t tcp -a %s -s %u -n %s\n"
	       "  nvme list\n"
	       "  nvme disconnect -n %s\n\n",
	       n->options.device_count, n->options.device_count == 1 ? "" : "s", nqn,
	       n->options.listen_count ? address : "every address",
	       server_discovery_port(n->server), server_io_port(n->server),
	       address, server_discovery_port(n->server),
	       address, server_io_port(n->server), nqn, nqn);
	fflush(stdout);
}

/* A line a port; NULL: no memory. */
static char *ports_text(const struct nvmfd *n)
{
	const struct array *ports = &model_snapshot(server_model(n->server))->ports;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	if (!n->options.config || n->options.kernel)
		fprintf(to, "discovery=%u\n", server_discovery_port(n->server));
	if (!n->options.config)
		fprintf(to, "io=%u\n", server_io_port(n->server));
	for (unsigned int i = 0; n->options.config && i < ports->count; i++) {
		const struct port *p = ports->at[i];

		if (is_of_file(n, p))
			fprintf(to, "port%u=%u\n", p->id, p->service);
	}
	fclose(to);
	return text;
}

static int write_ports(struct nvmfd *n)
{
	char *text;
	int r;

	if (!n->options.ports_file)
		return 0;
	text = ports_text(n);
	r = text ? write_file_atomically(n->options.ports_file, text, 0644) : -ENOMEM;
	free(text);
	n->has_ports_file = !r;
	if (r)
		snprintf(n->error, sizeof(n->error), "--ports-file %s: %s",
			 n->options.ports_file, strerror(-r));
	return r;
}

/* ---- what is needed before anything starts ------------------------------------------------ */

static int parse_devices(struct nvmfd *n)
{
	const struct nvmfd_options *o = &n->options;

	n->devices = calloc(o->device_count + 1, sizeof(*n->devices));
	if (!n->devices) {
		snprintf(n->error, sizeof(n->error), "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < o->device_count; i++) {
		int r = device_spec_parse(&n->devices[i], o->devices[i], n->error,
					  sizeof(n->error));

		if (r)
			return r;
	}
	return device_specs_number(n->devices, o->device_count, o->nn, n->error,
				   sizeof(n->error));
}

/* An NQN given by hand has a serial number of its own; else both are kept. */
static int load_state(struct nvmfd *n)
{
	char path[4096] = "";

	if (n->options.subnqn) {
		snprintf(n->state.nqn, sizeof(n->state.nqn), "%s", n->options.subnqn);
		return identity_serial(n->options.subnqn, n->state.serial);
	}
	if (n->options.state_file)
		snprintf(path, sizeof(path), "%s", n->options.state_file);
	else if (state_default_path(path, sizeof(path)))
		log_say(journal_log(n->journal), LOG_WARNING, "there is no home for a state file");
	return state_load(&n->state, path, STATE_MACHINE_ID, n->error, sizeof(n->error));
}

/* ---- running ---------------------------------------------------------------------------------- */

static void reload(void *context)
{
	struct nvmfd *n = context;

	loaded_again(&n->file, n->server, journal_log(n->journal));
}

static int format_file(void *context, char **text, char *error, size_t error_size)
{
	struct nvmfd *n = context;

	return loaded_format(&n->file, server_model(n->server), text, error, error_size);
}

static int save_file(void *context, const char **path, char *error, size_t error_size)
{
	struct nvmfd *n = context;

	*path = n->file.path;
	return loaded_save(&n->file, server_model(n->server), error, error_size);
}

static int reload_file(void *context, rpc_say *say, void *to, char *error,
		       size_t error_size)
{
	struct nvmfd *n = context;

	return loaded_reload(&n->file, n->server, say, to, error, error_size);
}

static int open_server(struct nvmfd *n)
{
	struct server_setup setup = {
		.options = &n->options, .nqn = n->state.nqn, .serial = n->state.serial,
		.devices = n->devices, .device_count = n->options.device_count,
		.journal = n->journal, .rpc_socket = n->options.rpc_socket };
	char rpc_socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int r;

	n->calls = (struct rpc_file){ n, format_file, save_file, reload_file };
	setup.file = &n->calls;
	if (!setup.rpc_socket && is_background(n) && !n->options.kernel &&
	    !rpc_socket_default_path(rpc_socket, sizeof(rpc_socket))) {
		setup.rpc_socket = rpc_socket;
		setup.rpc_is_default = true;
	}
	if (n->options.config) {
		setup.config = &n->file.config;
		setup.reload = reload;
		setup.context = n;
	}
	r = server_open(&n->server, &setup, n->error, sizeof(n->error));
	return r ? r : write_ports(n);
}

static int start_journal(struct nvmfd *n)
{
	int r = journal_start(n->journal);

	if (r)
		snprintf(n->error, sizeof(n->error), "can't start the log: %s", strerror(-r));
	return r;
}

static int start(struct nvmfd *n)
{
	const struct log *log = journal_log(n->journal);
	int r;

	raise_descriptor_limit();
	n->signals = signals_open();
	if (n->signals < 0) {
		snprintf(n->error, sizeof(n->error), "signals: %s", strerror(-n->signals));
		return n->signals;
	}
	if (is_background(n))
		journal_to_syslog(n->journal);
	if (has_pidfile(n)) {
		r = pidfile_write(&n->pidfile);
		if (r) {
			snprintf(n->error, sizeof(n->error), "%s: %s", n->pidfile.path,
				 strerror(-r));
			return r;
		}
	}
	if (version_warning())
		log_say(log, LOG_ERROR, "%s", version_warning());
	if (n->state.warning[0])
		log_say(log, LOG_WARNING, "%s", n->state.warning);
	r = start_journal(n);
	return r ? r : open_server(n);
}

static void stop(struct nvmfd *n)
{
	if (n->has_ports_file)	/* else it may be another daemon's */
		unlink(n->options.ports_file);
	if (n->server && !server_close(n->server)) {
		/* The storage may still write to our memory: leave it all as it is. */
		pidfile_remove(&n->pidfile);
		journal_drain(n->journal);
		_exit(EXIT_SUCCESS);
	}
	pidfile_remove(&n->pidfile);
}

static int run(struct nvmfd *n)
{
	int r = start(n);

	journal_drain(n->journal);
	if (r) {
		if (n->report >= 0)
			daemon_failed(n->report, r, n->error);
		else
			fprintf(stderr, "nvmfd: %s\n", n->error);
		stop(n);
		return EXIT_FAILURE;
	}
	if (n->report >= 0)
		daemon_ready(n->report);
	else if (n->options.config)
		print_what(n);
	else
		print_how(n, n->state.nqn);
	r = server_run(n->server, n->signals);
	if (r)
		log_say(journal_log(n->journal), LOG_ERROR, "can't watch signals: %s",
			strerror(-r));
	stop(n);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* 0: this is the daemon; DAEMON_PARENT: it runs elsewhere; -errno. */
static int go_into_background(struct nvmfd *n)
{
	int r = daemon_detach(&n->report, n->error, sizeof(n->error));

	if (r != DAEMON_CHILD)
		pidfile_forget(&n->pidfile);
	return r;
}

static int serve(struct nvmfd *n)
{
	int r = 0;

	if (!n->options.config)
		r = parse_devices(n);
	if (!r && !n->options.config)
		r = load_state(n);
	if (!r && has_pidfile(n))
		r = pidfile_open(&n->pidfile, n->options.pidfile, n->error, sizeof(n->error));
	if (!r && is_background(n))
		r = go_into_background(n);
	if (r == DAEMON_PARENT)
		return EXIT_SUCCESS;
	if (r) {
		fprintf(stderr, "nvmfd: %s\n", n->error);
		return EXIT_FAILURE;
	}
	return run(n);
}

int main(int argc, char **argv)
{
	struct nvmfd n = { .report = -1, .signals = -1, .pidfile.fd = -1 };
	int status;

	open_standard_descriptors();
	n.file = (struct loaded){ .options = &n.options, .argc = argc, .argv = argv };
	if (options_parse(&n.options, argc, argv, n.error, sizeof(n.error))) {
		fprintf(stderr, "nvmfd: %s\n", n.error);
		return EXIT_FAILURE;
	}
	if (n.options.action == OPTIONS_HELP) {
		options_help(stdout);
		return EXIT_SUCCESS;
	}
	if (n.options.action == OPTIONS_VERSION) {
		version_print(stdout);
		return EXIT_SUCCESS;
	}
	if (n.options.config && loaded_open(&n.file))
		return EXIT_FAILURE;
	if (n.options.check) {
		loaded_print(&n.file);
		loaded_close(&n.file);
		return EXIT_SUCCESS;
	}
	if (journal_open(&n.journal, n.options.debug)) {
		fprintf(stderr, "nvmfd: out of memory\n");
		return EXIT_FAILURE;
	}
	status = serve(&n);
	journal_close(n.journal);
	if (n.signals >= 0)
		close(n.signals);
	free(n.devices);
	loaded_close(&n.file);
	return status;
}
