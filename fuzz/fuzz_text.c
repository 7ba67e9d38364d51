/* SPDX-License-Identifier: BSD-2-Clause */
/* What people type: devices, sizes, NQNs; command lines, a word a line; and the file
 * that keeps the machine's identity.  Whatever it is, it is taken or refused with a
 * sentence, and what is taken keeps its promises. */
#include "fuzz.h"

#include "base/number.h"
#include "device_spec.h"
#include "options.h"
#include "state.h"
#include "wire/nqn.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS_MOST 32

static struct device_spec spec;

static void check_wrapper(const struct backend_wrapper *w)
{
	FUZZ_CHECK(w->kind == BACKEND_DELAY || w->kind == BACKEND_ERROR);
	FUZZ_CHECK(w->rate <= BACKEND_RATE_ALWAYS);
}

static void check_device(const char *text)
{
	char error[300] = "";
	uint32_t unit;

	if (device_spec_parse(&spec, text, error, sizeof(error))) {
		FUZZ_CHECK(error[0]);
		return;
	}
	unit = spec.backend.block_size ? spec.backend.block_size : 512;
	FUZZ_CHECK(unit >= 512 && unit <= 4096 && !(unit & (unit - 1)));
	FUZZ_CHECK(spec.nsid <= DEVICE_MAX_NSID);
	FUZZ_CHECK(spec.backend.wrapper_count <= BACKEND_WRAPPERS_MAX);
	for (size_t i = 0; i < spec.backend.wrapper_count; i++)
		check_wrapper(&spec.backend.wrappers[i]);
	if (spec.backend.kind == BACKEND_FILE) {
		FUZZ_CHECK(spec.backend.path[0] && strlen(spec.backend.path) < DEVICE_PATH_SIZE);
	} else {
		FUZZ_CHECK(spec.backend.size && !(spec.backend.size % unit));
		FUZZ_CHECK(!spec.backend.direct);
	}
}

static void check_numbers(const char *text)
{
	uint64_t number = 0, size = 0;

	if (!number_parse(text, &number))
		FUZZ_CHECK(!size_parse(text, &size) && size == number);
}

static bool is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

static void check_options(int argc, char **argv)
{
	struct nvmfd_options o;
	char error[300] = "";

	if (options_parse(&o, argc, argv, error, sizeof(error))) {
		FUZZ_CHECK(error[0]);
		return;
	}
	if (o.action != OPTIONS_SERVE)
		return;
	FUZZ_CHECK(o.discovery_port <= 65535 && o.io_port <= 65535);
	FUZZ_CHECK(o.listen_count <= OPTIONS_MAX_LISTEN && o.workers && o.io_queues);
	FUZZ_CHECK(is_power(o.mdts) && o.mdts >= 4096);
	FUZZ_CHECK(!(o.in_capsule_data % 16) && !(o.max_h2c_data % 4));
	FUZZ_CHECK(o.nn && (o.device_count || o.config || o.rpc_socket || o.call_count));
	FUZZ_CHECK(!o.subnqn || nqn_check(o.subnqn, strlen(o.subnqn)) == NQN_GOOD);
}

static void check_command_line(const char *text)
{
	char *words = strdup(text), *rest = words, *argv[WORDS_MOST + 2] = { "nvmfd" };
	int argc = 1;

	FUZZ_CHECK(words);
	while (argc <= WORDS_MOST && (argv[argc] = strsep(&rest, "\n")))
		argc++;
	argv[argc] = NULL;
	check_options(argc, argv);
	free(words);
}

/* A file that lives in memory; where it is empty a new one would be written. */
static void check_state(const uint8_t *bytes, size_t n)
{
	static int fd = -1;
	struct state state;
	char path[32], error[600] = "";

	if (fd < 0)
		fd = memfd_create("state", MFD_CLOEXEC);
	if (!n)
		return;
	FUZZ_CHECK(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, bytes, n, 0) == (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (state_load(&state, path, "/nonexistent", error, sizeof(error))) {
		FUZZ_CHECK(error[0]);
		return;
	}
	FUZZ_CHECK(nqn_check(state.nqn, strlen(state.nqn)) == NQN_GOOD);
	FUZZ_CHECK(state.serial[0] && strlen(state.serial) <= IDENTITY_SERIAL_LENGTH);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);

	FUZZ_CHECK(text);
	/* A name on the wire: no NUL behind it. */
	if (nqn_check((const char *)bytes, n) == NQN_GOOD)
		FUZZ_CHECK(n <= NQN_MAX_LENGTH && !memcmp(bytes, "nqn.", 4));
	memcpy(text, bytes, n);
	text[n] = 0;
	check_device(text);
	check_numbers(text);
	check_command_line(text);
	check_state(bytes, n);
	free(text);
	return 0;
}
