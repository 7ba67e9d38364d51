/* SPDX-License-Identifier: BSD-2-Clause */
/* What people type: devices, sizes, NQNs.  Whatever it is, it is taken or
 * refused with a sentence, and what is taken keeps its promises. */
#include "fuzz.h"

#include "base/number.h"
#include "device_spec.h"
#include "wire/nqn.h"

#include <string.h>

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
	free(text);
	return 0;
}
