/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "wire/nqn.h"

#include <string.h>

#define UUID "01234567-89ab-cdef-0123-456789ABCDEF"

static void assert_fault(const char *nqn, enum nqn_fault fault)
{
	if (nqn_check(nqn, strlen(nqn)) != fault)
		fail_msg("'%s' %s", nqn, nqn_fault_text(nqn_check(nqn, strlen(nqn))));
}

static void good_names(void **state)
{
	assert_fault(NQN_DISCOVERY, NQN_GOOD);
	assert_fault(NQN_UUID_PREFIX UUID, NQN_GOOD);
	assert_fault("nqn.2014-08.com.example:nvme:nvm-subsystem-sn-d78432", NQN_GOOD);
	assert_fault("nqn.2014-08.com.example:Gr\xc3\xb6\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x92\xbe", NQN_GOOD);
	assert_fault("nqn.2024-12.a", NQN_GOOD);
	assert_fault("nqn.2019-10.kubernetes.pv-1:x", NQN_GOOD);
}

static void length_is_at_most_223_bytes(void **state)
{
	char nqn[NQN_MAX_LENGTH + 2] = "nqn.2014-08.com.example:";
	size_t head = strlen(nqn);

	memset(nqn + head, 'x', NQN_MAX_LENGTH + 1 - head);
	assert_int_equal(nqn_check(nqn, NQN_MAX_LENGTH), NQN_GOOD);
	assert_int_equal(nqn_check(nqn, NQN_MAX_LENGTH + 1), NQN_TOO_LONG);
	assert_int_equal(nqn_check(nqn, 0), NQN_EMPTY);
}

static void text_is_utf8_without_controls(void **state)
{
	assert_fault("nqn.2014-08.com.example:\xff", NQN_NOT_UTF8);
	assert_fault("nqn.2014-08.com.example:\x80", NQN_NOT_UTF8);
	assert_fault("nqn.2014-08.com.example:\xc0\xaf", NQN_NOT_UTF8);		/* overlong */
	assert_fault("nqn.2014-08.com.example:\xed\xa0\x80", NQN_NOT_UTF8);	/* surrogate */
	assert_fault("nqn.2014-08.com.example:\xf4\x90\x80\x80", NQN_NOT_UTF8);	/* > 10FFFF */
	assert_fault("nqn.2014-08.com.example:\xe2\x82", NQN_NOT_UTF8);		/* cut off */
	assert_fault("nqn.2014-08.com.example:a\nb", NQN_CONTROL_CHARACTER);
	assert_int_equal(nqn_check("nqn.2014-08.com.example:a\0b", 27), NQN_CONTROL_CHARACTER);
}

static void prefix_date_and_domain(void **state)
{
	assert_fault("iqn.2014-08.com.example:x", NQN_NO_PREFIX);
	assert_fault("nqn", NQN_NO_PREFIX);
	assert_fault("NQN.2014-08.com.example:x", NQN_NO_PREFIX);
	assert_fault("nqn.", NQN_BAD_DATE);
	assert_fault("nqn.2014-13.com.example:x", NQN_BAD_DATE);
	assert_fault("nqn.2014-00.com.example:x", NQN_BAD_DATE);
	assert_fault("nqn.2014.com.example:x", NQN_BAD_DATE);
	assert_fault("nqn.2014-08.", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.:x", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.com..example:x", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.-com:x", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.com-:x", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.com_x:x", NQN_BAD_DOMAIN);
	assert_fault("nqn.2014-08.com.example:", NQN_BAD_NAME);
}

static void uuid_form_is_complete(void **state)
{
	assert_fault(NQN_UUID_PREFIX, NQN_BAD_UUID);
	assert_fault(NQN_UUID_PREFIX "0123", NQN_BAD_UUID);
	assert_fault(NQN_UUID_PREFIX UUID "0", NQN_BAD_UUID);
	assert_fault(NQN_UUID_PREFIX "01234567-89ab-cdef-0123_456789abcdef", NQN_BAD_UUID);
	assert_fault(NQN_UUID_PREFIX "0123456g-89ab-cdef-0123-456789abcdef", NQN_BAD_UUID);
}

/* Linux's target takes what is no NQN as well. */
static void names_of_any_form(void **state)
{
	char longest[NQN_MAX_LENGTH + 1];

	memset(longest, 'n', sizeof(longest));
	assert_true(nqn_is_name("testnqn", 7) && nqn_is_name("\xc3\xa9", 2));
	assert_true(nqn_is_name(longest, NQN_MAX_LENGTH));
	assert_false(nqn_is_name(longest, NQN_MAX_LENGTH + 1) || nqn_is_name("", 0));
	assert_false(nqn_is_name("a\n", 2) || nqn_is_name("\xff", 1));
}

static void field_ends_at_the_first_nul(void **state)
{
	char field[NQN_FIELD_SIZE];

	memset(field, 'x', sizeof(field));
	assert_int_equal(nqn_field_length(field), NQN_FIELD_SIZE);
	field[200] = 0;
	assert_int_equal(nqn_field_length(field), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names),
		cmocka_unit_test(length_is_at_most_223_bytes),
		cmocka_unit_test(text_is_utf8_without_controls),
		cmocka_unit_test(prefix_date_and_domain),
		cmocka_unit_test(uuid_form_is_complete),
		cmocka_unit_test(names_of_any_form),
		cmocka_unit_test(field_ends_at_the_first_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
