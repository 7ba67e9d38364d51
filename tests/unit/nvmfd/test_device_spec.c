/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "device_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID "01234567-89ab-cdef-0123-456789ABCDEF"

static struct device_spec spec;
static char sentence[512];

static void parse(const char *text)
{
	sentence[0] = 0;
	if (device_spec_parse(&spec, text, sentence, sizeof(sentence)))
		fail_msg("%s", sentence);
}

static void assert_refused(const char *text, const char *expected)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "device '%s': %s", text, expected);
	assert_int_not_equal(device_spec_parse(&spec, text, sentence, sizeof(sentence)), 0);
	assert_string_equal(sentence, whole);
}

static void ramdisk_with_a_size(void **state)
{
	parse("ramdisk:1G");
	assert_int_equal(spec.backend.kind, BACKEND_MEMORY);
	assert_int_equal(spec.backend.size, 1 << 30);
	assert_int_equal(spec.backend.block_size, 0);
	assert_int_equal(spec.nsid, 0);
	assert_false(spec.has_uuid || spec.backend.read_only || spec.backend.direct);
	assert_int_equal(spec.backend.wrapper_count, 0);
	parse("null:1T?bs=4096");
	assert_int_equal(spec.backend.kind, BACKEND_NULL);
	assert_int_equal(spec.backend.size, 1ull << 40);
	assert_int_equal(spec.backend.block_size, 4096);
}

static void keys_of_a_device(void **state)
{
	static const uint8_t uuid[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

	parse("file:/srv/a b.img?bs=4k&nsid=7&uuid=" UUID "&ro&direct=yes");
	assert_int_equal(spec.backend.kind, BACKEND_FILE);
	assert_string_equal(spec.backend.path, "/srv/a b.img");
	assert_int_equal(spec.backend.block_size, 4096);
	assert_int_equal(spec.nsid, 7);
	assert_true(spec.has_uuid && spec.backend.read_only && spec.backend.direct);
	assert_memory_equal(spec.uuid, uuid, sizeof(uuid));
	parse("ramdisk:1M?ro=off");
	assert_false(spec.backend.read_only);
}

static void bare_paths(void **state)
{
	parse("/dev/sdb");
	assert_int_equal(spec.backend.kind, BACKEND_FILE);
	assert_string_equal(spec.backend.path, "/dev/sdb");
	parse("disk.img?ro");
	assert_string_equal(spec.backend.path, "disk.img");
	assert_true(spec.backend.read_only);
	parse("./odd:name");
	assert_string_equal(spec.backend.path, "./odd:name");
	parse("/dev/disk/by-path/pci-0000:00:1f.2-ata-1");
	assert_string_equal(spec.backend.path, "/dev/disk/by-path/pci-0000:00:1f.2-ata-1");
}

static void last_question_mark_begins_the_keys(void **state)
{
	parse("what?.img?");
	assert_string_equal(spec.backend.path, "what?.img");
	parse("file:a?b=c?bs=512");
	assert_string_equal(spec.backend.path, "a?b=c");
	assert_int_equal(spec.backend.block_size, 512);
}

static void wrapper_delay(void **state)
{
	parse("delay:ms=100/ramdisk:64M");
	assert_int_equal(spec.backend.wrapper_count, 1);
	assert_int_equal(spec.backend.wrappers[0].kind, BACKEND_DELAY);
	for (int i = 0; i < BACKEND_OPCODES; i++)
		assert_int_equal(spec.backend.wrappers[0].ms[i], 100);
	parse("delay:read-ms=1&ms=9&write-ms=2&zero-ms=7/file:/x?ro");
	assert_int_equal(spec.backend.wrappers[0].ms[BACKEND_ZERO], 7);
	assert_int_equal(spec.backend.wrappers[0].ms[BACKEND_READ], 1);
	assert_int_equal(spec.backend.wrappers[0].ms[BACKEND_WRITE], 2);
	assert_int_equal(spec.backend.wrappers[0].ms[BACKEND_FLUSH], 9);
	assert_string_equal(spec.backend.path, "/x");
	assert_true(spec.backend.read_only);
}

static void wrapper_error(void **state)
{
	parse("error:read=EIO&rate=0.1/file:/x");
	assert_int_equal(spec.backend.wrappers[0].kind, BACKEND_ERROR);
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_READ], EIO);
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_WRITE], 0);
	parse("error:zero=ENOSPC/file:/x");
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_ZERO], ENOSPC);
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_WRITE], 0);
	parse("error:read=EIO&rate=0.1/file:/x");
	assert_int_equal(spec.backend.wrappers[0].rate, 100000);
	parse("error:all=ENOSPC&read=EIO&after=3&count=2/ramdisk:1M");
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_READ], EIO);
	assert_int_equal(spec.backend.wrappers[0].error[BACKEND_FLUSH], ENOSPC);
	assert_int_equal(spec.backend.wrappers[0].rate, BACKEND_RATE_ALWAYS);
	assert_int_equal(spec.backend.wrappers[0].after, 3);
	assert_int_equal(spec.backend.wrappers[0].count, 2);
	parse("error:write=EIO&offset=1M&length=4k&seed=7/ramdisk:2M");
	assert_int_equal(spec.backend.wrappers[0].offset, 1 << 20);
	assert_int_equal(spec.backend.wrappers[0].length, 4096);
	assert_int_equal(spec.backend.wrappers[0].seed, 7);
}

static void rates(void **state)
{
	static const struct { const char *text; uint32_t rate; } good[] = {
		{ "1", 1000000 }, { "0", 0 }, { "1.0", 1000000 }, { ".5", 500000 }, { "0.000001", 1 },
		{ "25%", 250000 }, { "100%", 1000000 }, { "0.5%", 5000 },
	};
	static const char *const bad[] = { "", "1.1", "2", "101%", "-1", "x", ".", "%", "1.0.0", "1e3" };
	char text[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "error:read=EIO&rate=%s/null:1M", good[i].text);
		parse(text);
		assert_int_equal(spec.backend.wrappers[0].rate, good[i].rate);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "error:read=EIO&rate=%s/null:1M", bad[i]);
		assert_int_equal(device_spec_parse(&spec, text, sentence, sizeof(sentence)), -EINVAL);
	}
}

static void wrappers_nest(void **state)
{
	parse("error:write=EIO/delay:ms=5/ramdisk:1M?nsid=2");
	assert_int_equal(spec.backend.wrapper_count, 2);
	assert_int_equal(spec.backend.wrappers[0].kind, BACKEND_ERROR);
	assert_int_equal(spec.backend.wrappers[1].kind, BACKEND_DELAY);
	assert_int_equal(spec.nsid, 2);
	assert_refused("delay:ms=1/delay:ms=1/delay:ms=1/delay:ms=1/delay:ms=1/"
		       "delay:ms=1/delay:ms=1/delay:ms=1/delay:ms=1/null:1M", "more than 8 wrappers");
}

static void one_sentence_for_a_wrong_size(void **state)
{
	assert_refused("ramdisk:", "size '' is not a number of bytes such as 512M or 1G");
	assert_refused("ramdisk:0", "size '0' is not a number of bytes such as 512M or 1G");
	assert_refused("ramdisk:1X", "size '1X' is not a number of bytes such as 512M or 1G");
	assert_refused("ramdisk:16E", "size '16E' is more than 8 EiB");
	assert_refused("ramdisk:1000", "size 1000 is not a multiple of the block size 512");
	assert_refused("ramdisk:1536?bs=1k", "size 1536 is not a multiple of the block size 1024");
}

static void one_sentence_for_a_wrong_key(void **state)
{
	assert_refused("ramdisk:1M?bs=77", "bs=77 is not 512, 1024, 2048 or 4096");
	assert_refused("ramdisk:1M?size=1", "'size' is not a key of ramdisk: there are bs, nsid, uuid, ro, direct");
	assert_refused("ramdisk:1M?direct", "'direct' is not a key of ramdisk");
	assert_refused("null:1M?direct", "'direct' is not a key of null");
	assert_refused("x?y", "'y' is not a key of file: there are bs, nsid, uuid, ro, direct");
	assert_refused("ramdisk:1M?ro&ro", "'ro' is given twice");
	assert_refused("ramdisk:1M?bs", "'bs' needs a value: bs=...");
	assert_refused("ramdisk:1M?nsid=0", "nsid=0 is not a number from 1 to 4294967294");
	assert_refused("ramdisk:1M?nsid=4294967295", "nsid=4294967295 is not a number from 1 to 4294967294");
	assert_refused("ramdisk:1M?uuid=1", "uuid=1 is no UUID (8-4-4-4-12 digits)");
	assert_refused("ramdisk:1M?uuid=00000000-0000-0000-0000-000000000000",
		       "uuid=00000000-0000-0000-0000-000000000000: a UUID of zeros says that there is none");
	assert_refused("ramdisk:1M?ro=maybe", "ro=maybe is neither yes nor no");
}

static void one_sentence_for_a_wrong_kind(void **state)
{
	assert_refused("", "the path is empty");
	assert_refused("file:", "the path is empty");
	assert_refused("rbd:pool/image", "'rbd' is not a kind of device: there are ramdisk, file and null "
		       "(a path with a colon is written ./...)");
}

static void one_sentence_for_a_wrong_wrapper(void **state)
{
	assert_refused("delay:ms=1", "'delay:ms=1' wraps no device: write delay:.../DEVICE");
	assert_refused("delay:/null:1M", "delay: needs how long: ms=, read-ms=, write-ms=, flush-ms= or zero-ms=");
	assert_refused("delay:ms=x/null:1M", "ms=x is not a number from 0 to 3600000");
	assert_refused("delay:s=1/null:1M", "'s' is not a key of delay: there are ms, read-ms, write-ms, flush-ms, zero-ms");
	assert_refused("error:/null:1M", "error: needs what shall fail: read=, write=, flush=, zero= or all=");
	assert_refused("error:rate=1/null:1M", "error: needs what shall fail: read=, write=, flush=, zero= or all=");
	assert_refused("error:read=EFOO/null:1M",
		       "read=EFOO is not the name of an error, such as EIO or ENOSPC");
	assert_refused("error:read=EIO&rate=7/null:1M",
		       "rate=7 is not a share from 0 to 1, or from 0% to 100%");
}

static void long_devices_are_refused(void **state)
{
	static char text[2 * DEVICE_PATH_SIZE];

	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(device_spec_parse(&spec, text, sentence, sizeof(sentence)), -ENAMETOOLONG);
	memcpy(text, "null:1M?bs=", 11);
	assert_int_equal(device_spec_parse(&spec, text, sentence, sizeof(sentence)), -ENAMETOOLONG);
	memcpy(text, "ramdisk:", 8);
	memset(text + 8, '1', sizeof(text) - 9);
	assert_int_equal(device_spec_parse(&spec, text, sentence, sizeof(sentence)), -EINVAL);
}

static void numbers_by_order_around_fixed_ones(void **state)
{
	static struct device_spec specs[4];

	specs[1].nsid = 1;
	specs[3].nsid = 3;
	assert_int_equal(device_specs_number(specs, 4, 256, sentence, sizeof(sentence)), 0);
	assert_int_equal(specs[0].nsid, 2);
	assert_int_equal(specs[1].nsid, 1);
	assert_int_equal(specs[2].nsid, 4);
	assert_int_equal(specs[3].nsid, 3);
}

static void no_identifier_twice(void **state)
{
	static struct device_spec specs[2];

	specs[0].nsid = specs[1].nsid = 5;
	assert_int_equal(device_specs_number(specs, 2, 256, sentence, sizeof(sentence)), -EEXIST);
	assert_string_equal(sentence, "two devices ask for nsid=5");
	specs[1].nsid = 0;
	specs[0].has_uuid = specs[1].has_uuid = true;
	assert_int_equal(device_specs_number(specs, 2, 256, sentence, sizeof(sentence)), -EEXIST);
	assert_string_equal(sentence, "two devices ask for the same uuid");
	specs[1].has_uuid = false;
	assert_int_equal(device_specs_number(specs, 2, 4, sentence, sizeof(sentence)), -ERANGE);
	assert_string_equal(sentence, "nsid 5 is above 4, the highest allowed (--nn)");
}

static void assert_resized(const char *text, uint64_t size, const char *expected)
{
	char *made = device_text_resized(text, size);

	assert_string_equal(made, expected);
	free(made);
}

static void texts_with_another_size(void **state)
{
	uint64_t size = 0;

	assert_resized("ramdisk:1M", 2 << 20, "ramdisk:2M");
	assert_resized("ramdisk:1024k?bs=4096", 1 << 20, "ramdisk:1024k?bs=4096");
	assert_resized("ramdisk:1024k?bs=4096", 5 * 4096, "ramdisk:20K?bs=4096");
	assert_resized("delay:ms=5/null:1G", 3ull << 40, "delay:ms=5/null:3T");
	assert_resized("null:512", 1536, "null:1536");
	assert_resized("file:/a?ro", 512, "file:/a?ro");
	assert_null(device_text_resized("ramdisk:", 512));
	assert_true(device_text_differs_in_size("ramdisk:1M?ro", "ramdisk:2048K?ro", &size));
	assert_int_equal(size, 2 << 20);
	assert_false(device_text_differs_in_size("ramdisk:1M?ro", "ramdisk:2M", &size));
	assert_false(device_text_differs_in_size("ramdisk:1M", "null:2M", &size));
	assert_false(device_text_differs_in_size("delay:ms=1/null:1M", "delay:ms=2/null:1M", &size));
	assert_false(device_text_differs_in_size("/a", "/b", &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ramdisk_with_a_size),
		cmocka_unit_test(keys_of_a_device),
		cmocka_unit_test(bare_paths),
		cmocka_unit_test(last_question_mark_begins_the_keys),
		cmocka_unit_test(wrapper_delay),
		cmocka_unit_test(wrapper_error),
		cmocka_unit_test(rates),
		cmocka_unit_test(wrappers_nest),
		cmocka_unit_test(one_sentence_for_a_wrong_size),
		cmocka_unit_test(one_sentence_for_a_wrong_key),
		cmocka_unit_test(one_sentence_for_a_wrong_kind),
		cmocka_unit_test(one_sentence_for_a_wrong_wrapper),
		cmocka_unit_test(long_devices_are_refused),
		cmocka_unit_test(numbers_by_order_around_fixed_ones),
		cmocka_unit_test(no_identifier_twice),
		cmocka_unit_test(texts_with_another_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
