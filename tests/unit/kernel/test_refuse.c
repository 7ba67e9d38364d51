/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's target can't do, and the sentence that says so. */
#include "../config/reading.h"

#include "kernel/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OWN(rest) "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':3,'device':{'path':'/d'}}]}]," \
	"'nvmfd':{'subsystems':[{'nqn':'s'," rest "}]}}"
#define DEVICE(text) "{'nvmfd':{'devices':[{'name':'d','device':'" text "'}]}}"

static const struct {
	const char *file, *sentence;	/* NULL: it can */
} files[] = {
	{ "{}", NULL },
	{ DEVICE("file:/d"), NULL },
	{ DEVICE("/d?direct"), NULL },
	{ DEVICE("ramdisk:1G"), "nvmfd.devices 'd': 'ramdisk:1G': the kernel's target can't serve it: it serves files and"
	  " block devices" },
	{ DEVICE("null:1G"), "nvmfd.devices 'd': 'null:1G': the kernel's target can't serve it: it serves files and"
	  " block devices" },
	{ DEVICE("delay:ms=1/file:/d"), "nvmfd.devices 'd': 'delay:ms=1/file:/d': the kernel's target can't serve it:"
	  " delay: and error: are nvmfd's own" },
	{ DEVICE("/d?bs=4096"), "nvmfd.devices 'd': '/d?bs=4096': the kernel's target can't serve it: it takes bs from"
	  " the file or device" },
	{ DEVICE("/d?ro"), "nvmfd.devices 'd': '/d?ro': the kernel's target can't serve it: it opens everything for"
	  " writing, so there is no ro" },
	{ OWN("'second_connection':'allow'"), NULL },
	{ OWN("'second_connection':'fence'"), "nvmfd.subsystems 's', second_connection: the kernel's target (--kernel)"
	  " lets a host connect as often as it likes" },
	{ OWN("'addresses':['192.0.2.0/24']"), "nvmfd.subsystems 's', addresses: the kernel's target (--kernel) does not"
	  " look where hosts come from" },
	{ OWN("'namespaces':[{'nsid':3,'hidden':1}]"), "nvmfd.subsystems 's', namespace 3, hidden: the kernel's target"
	  " (--kernel) shows a namespace to every host" },
	{ OWN("'namespaces':[{'nsid':3,'read_only':1}]"), "nvmfd.subsystems 's', namespace 3, read_only: the kernel's"
	  " target (--kernel) opens everything for writing" },
	{ OWN("'namespaces':[{'nsid':3,'eui64':'0011223344556677'}]"), "nvmfd.subsystems 's', namespace 3, eui64: the"
	  " kernel's target (--kernel) knows NGUID and UUID alone" },
	{ OWN("'nn':9"), "nvmfd.subsystems 's', nn: the kernel's target (--kernel) has a limit of its own" },
	{ "{'ports':[{'portid':7,'addr':{'traddr':'::1','trsvcid':'0','trtype':'tcp'}}]}",
	  "port 7, addr.trsvcid is 0: the kernel's target (--kernel) does not say which it took" },
	{ "{'ports':[{'portid':7,'addr':{'traddr':'::1','trsvcid':'1','trtype':'tcp'}}],'nvmfd':{'discovery_only':['7']}}",
	  "nvmfd.discovery_only, port 7: the kernel's target (--kernel) listens only where it serves a subsystem" },
};

static void one_sentence_names_the_key(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char error[512] = "";
		struct config c;
		int r;

		read_good(&c, files[i].file);
		r = kernel_refuse(&c, error, sizeof(error));
		assert_string_equal(error, files[i].sentence ? files[i].sentence : "");
		assert_int_equal(r, files[i].sentence ? -EINVAL : 0);
		config_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sentence_names_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
