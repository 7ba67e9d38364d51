/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "model/identity.h"

#include <errno.h>
#include <string.h>

#define NQN "nqn.2024-01.org.example:a"

static struct ns_identity identity_of(const char *nqn, uint32_t nsid)
{
	struct ns_identity identity;

	memset(&identity, 0, sizeof(identity));
	assert_int_equal(identity_of_namespace(nqn, nsid, &identity), 0);
	return identity;
}

/* The bytes stand here once for all: changed, every disk of every host would
 * get another name. */
static void identifiers_never_change(void **state)
{
	static const struct ns_identity known = {
		.nguid = { 0x79, 0x2a, 0x85, 0xe6, 0xa1, 0x77, 0xf7, 0xae,
			   0x42, 0xd0, 0x99, 0x1e, 0x74, 0x7c, 0xcd, 0x3c },
		.eui64 = { 0x72, 0xb4, 0x96, 0x0b, 0x22, 0x97, 0xd7, 0x1f },
		.uuid = { 0x0e, 0x47, 0x1d, 0x5f, 0xca, 0xf4, 0x87, 0x81,
			   0xb7, 0x7b, 0x72, 0x0e, 0x6d, 0x76, 0x2c, 0x3e },
	};
	struct ns_identity got = identity_of(NQN, 1);

	assert_memory_equal(got.nguid, known.nguid, sizeof(got.nguid));
	assert_memory_equal(got.eui64, known.eui64, sizeof(got.eui64));
	assert_memory_equal(got.uuid, known.uuid, sizeof(got.uuid));
}

static void identifiers_have_their_form(void **state)
{
	for (uint32_t nsid = 1; nsid <= 1000; nsid++) {
		struct ns_identity i = identity_of(NQN, nsid);

		assert_int_equal(i.uuid[6] >> 4, 8);
		assert_int_equal(i.uuid[8] >> 6, 2);
		assert_int_equal(i.eui64[0] & 3, 2);
		assert_int_equal(i.nguid[8] & 3, 2);
	}
}

static void identifiers_are_unique(void **state)
{
	struct ns_identity all[64];
	size_t n = 0;

	for (uint32_t nsid = 1; nsid <= 32; nsid++) {
		all[n++] = identity_of(NQN, nsid);
		all[n++] = identity_of(NQN "b", nsid);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(all[i].nguid, all[j].nguid, 16);
			assert_memory_not_equal(all[i].eui64, all[j].eui64, 8);
			assert_memory_not_equal(all[i].uuid, all[j].uuid, 16);
		}
	}
}

static void serial_is_20_ascii_characters(void **state)
{
	char serial[IDENTITY_SERIAL_LENGTH + 1], other[IDENTITY_SERIAL_LENGTH + 1];

	assert_int_equal(identity_serial(NQN, serial), 0);
	assert_string_equal(serial, "R9PCD25Q5S0D146TD1QA");
	assert_int_equal(identity_serial(NQN "b", other), 0);
	assert_string_not_equal(serial, other);
}

static void machine_id_is_hashed(void **state)
{
	uint8_t uuid[16];
	char text[IDENTITY_UUID_TEXT];

	assert_int_equal(identity_of_machine("0123456789abcdef0123456789abcdef", uuid), 0);
	uuid_format(uuid, text);
	assert_string_equal(text, "a92ee41c-72d7-486b-8ca9-480688cc0cd5");
}

static void machine_id_must_be_one(void **state)
{
	uint8_t uuid[16];

	assert_int_equal(identity_of_machine("", uuid), -EINVAL);
	assert_int_equal(identity_of_machine("uninitialized", uuid), -EINVAL);
	assert_int_equal(identity_of_machine("0123456789abcdef0123456789abcde", uuid), -EINVAL);
	assert_int_equal(identity_of_machine("0123456789abcdef0123456789abcdeff", uuid), -EINVAL);
	assert_int_equal(identity_of_machine("00000000000000000000000000000000", uuid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifiers_never_change),
		cmocka_unit_test(identifiers_have_their_form),
		cmocka_unit_test(identifiers_are_unique),
		cmocka_unit_test(serial_is_20_ascii_characters),
		cmocka_unit_test(machine_id_is_hashed),
		cmocka_unit_test(machine_id_must_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
