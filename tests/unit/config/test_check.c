/* SPDX-License-Identifier: BSD-2-Clause */
/* What no key of the file can tell alone. */
#include "reading.h"

#include <stdlib.h>
#include <string.h>

#define ADDR(address, service) "'addr':{'traddr':'" address "','trsvcid':'" service "','trtype':'tcp'}"
#define UUID "'uuid':'01234567-89ab-cdef-0123-456789abcdef'"
#define NGUID "'nguid':'01234567-89ab-cdef-0123-456789abcdef'"
#define ZEROS "'nguid':'00000000-0000-0000-0000-000000000000'"

static const struct bad {
	const char *text, *lines;
} bad[] = {
	/* Twins. */
	{ "{'hosts':[{'nqn':'b'},{'nqn':'a'},{'nqn':'b'}]}",
	  "f: hosts[2].nqn: the same as hosts[0].nqn, expected another\n" },
	{ "{'subsystems':[{'nqn':'a'},{'nqn':'ab'},{'nqn':'a'}]}",
	  "f: subsystems[2].nqn: the same as subsystems[0].nqn, expected another\n" },
	{ "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':'1'}]},"
	  "{'nqn':'t','namespaces':[{'nsid':1}]}]}",
	  "f: subsystems[0].namespaces[1].nsid: the same as subsystems[0].namespaces[0].nsid, expected another\n" },
	{ "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'device':{" UUID "," ZEROS "}},"
	  "{'nsid':2,'device':{" UUID "," ZEROS "}},{'nsid':3,'device':{" NGUID "}},"
	  "{'nsid':4,'device':{" NGUID "}}]},{'nqn':'t','namespaces':[{'nsid':1,'device':{" UUID "}}]}]}",
	  "f: subsystems[0].namespaces[1].device.uuid: the same as subsystems[0].namespaces[0].device.uuid,"
	  " expected another\n"
	  "f: subsystems[0].namespaces[3].device.nguid: the same as subsystems[0].namespaces[2].device.nguid,"
	  " expected another\n" },
	{ "{'ports':[{'portid':1," ADDR("192.0.2.1", "1") "},{'portid':1," ADDR("192.0.2.1", "2") "}]}",
	  "f: ports[1].portid: the same as ports[0].portid, expected another\n" },
	{ "{'nvmfd':{'devices':[{'name':'a','device':'null:1M'},{'name':'a','device':'null:1M'}]}}",
	  "f: nvmfd.devices[1].name: the same as nvmfd.devices[0].name, expected another\n" },
	{ "{'ports':[{'portid':1," ADDR("192.0.2.1", "1") ",'ana_groups':[{'grpid':1},{'grpid':1}],'referrals':["
	  "{'name':'r'," ADDR("::1", "1") "},{'name':'r'," ADDR("::1", "1") "}]}]}",
	  "f: ports[0].ana_groups[1].grpid: the same as ports[0].ana_groups[0].grpid, expected another\n"
	  "f: ports[0].referrals[1].name: the same as ports[0].referrals[0].name, expected another\n" },
	/* Names of nothing. */
	{ "{'hosts':[{'nqn':'h'}],'subsystems':[{'nqn':'s','allowed_hosts':['h','i','h']}]}",
	  "f: subsystems[0].allowed_hosts[2]: the same as subsystems[0].allowed_hosts[0], expected another\n"
	  "f: subsystems[0].allowed_hosts[1]: found 'i', expected the nqn of one of hosts\n" },
	{ "{'ports':[{'portid':1," ADDR("192.0.2.1", "1") ",'subsystems':['t','s','s']}],"
	  "'subsystems':[{'nqn':'s'}]}",
	  "f: ports[0].subsystems[2]: the same as ports[0].subsystems[1], expected another\n"
	  "f: ports[0].subsystems[0]: found 't', expected the nqn of one of subsystems\n" },
	/* Who may connect. */
	{ "{'hosts':[{'nqn':'h'}],'subsystems':[{'nqn':'s','attr':{'allow_any_host':'1'},"
	  "'allowed_hosts':['h']}]}",
	  "f: subsystems[0]: attr.allow_any_host is 1 and there are allowed_hosts, expected one of both\n" },
	{ "{'subsystems':[{'nqn':'s','attr':{'cntlid_min':'9','cntlid_max':'8'}}]}",
	  "f: subsystems[0]: attr.cntlid_min is 9, expected no more than attr.cntlid_max, 8\n" },
	/* Storage. */
	{ "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'enable':1},{'nsid':2,'enable':1,'device':"
	  "{'path':'(null)'}},{'nsid':3,'device':{'path':'disk.img'}},{'nsid':4,'device':{'path':'(null)'}}]}]}",
	  "f: subsystems[0].namespaces[0].device.path: found nothing, expected what the enabled namespace is"
	  " stored in\n"
	  "f: subsystems[0].namespaces[1].device.path: found nothing, expected what the enabled namespace is"
	  " stored in\n"
	  "f: subsystems[0].namespaces[2].device.path: found 'disk.img', expected a path that begins with a"
	  " slash, or the name of one of nvmfd.devices\n" },
	{ "{'nvmfd':{'nn':4},'subsystems':[{'nqn':'s','namespaces':[{'nsid':5},{'nsid':4}]}]}",
	  "f: subsystems[0].namespaces[0]: nsid is 5, expected no more than nvmfd.nn, 4\n" },
	/* Where ports are. */
	{ "{'ports':[{'portid':1," ADDR("::", "1") "},{'portid':2," ADDR("0::0", "1") "},"
	  "{'portid':3," ADDR("0.0.0.0", "1") "},{'portid':4," ADDR("::", "0") "},{'portid':5," ADDR("::", "0") "}]}",
	  "f: ports[1].addr: the same as ports[0].addr, expected another\n" },
	{ "{'ports':[{'portid':1," ADDR("192.0.2.1", "1") "},{'portid':2," ADDR("0.0.0.0", "1") "},"
	  "{'portid':3," ADDR("::1", "1") "},{'portid':4," ADDR("192.0.2.1", "2") "}]}",
	  "f: ports[0].addr: ports[1].addr listens on every address, expected another trsvcid\n" },
	{ "{'ports':[{'portid':1,'addr':{'traddr':'::1','trsvcid':'1','trtype':'tcp','adrfam':'ipv4'}},"
	  "{'portid':2,'addr':{'traddr':'192.0.2.1','trsvcid':'1','trtype':'tcp','adrfam':'ipv6'}}]}",
	  "f: ports[0]: addr.adrfam is 'ipv4', expected the family of addr.traddr\n"
	  "f: ports[1]: addr.adrfam is 'ipv6', expected the family of addr.traddr\n" },
	/* ANA. */
	{ "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'ana_grpid':2,'ana':{'grpid':'1'}}]}]}",
	  "f: subsystems[0].namespaces[0]: ana_grpid is 2, expected the same as ana.grpid, 1\n" },
	{ "{'ports':[{'portid':1," ADDR("192.0.2.1", "1") ",'subsystems':['s'],'ana_groups':["
	  "{'grpid':1,'ana':{'state':'inaccessible'}},{'grpid':2,'ana':{'state':'non-optimized'}}]}],"
	  "'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'enable':1,'device':{'path':'/a'}},"
	  "{'nsid':2,'enable':1,'ana_grpid':2,'device':{'path':'/a'}},"
	  "{'nsid':3,'enable':1,'ana':{'grpid':'3'},'device':{'path':'/a'}},{'nsid':4,'ana_grpid':3}]}]}",
	  "f: ports[0]: ana_groups make group 1 of subsystems[0].namespaces[0] not accessible here, expected"
	  " 'optimized' or 'non-optimized': nvmfd has no other states yet\n"
	  "f: ports[0]: ana_groups make group 3 of subsystems[0].namespaces[2] not accessible here, expected"
	  " 'optimized' or 'non-optimized': nvmfd has no other states yet\n" },
	/* Ours. */
	{ "{'nvmfd':{'mdts':'1M','buffers':'1M'}}",
	  "f: nvmfd: --buffers: 1048576 bytes do not hold two commands of --mdts (1048576 bytes)\n" },
	{ "{'nvmfd':{'subsystems':[{'nqn':'s','addresses':['::1','::1'],'namespaces':[{'nsid':1,'hosts':['h','h']},"
	  "{'nsid':2,'hidden':1},{'nsid':2}]},{'nqn':'t'},{'nqn':'s'}]},"
	  "'subsystems':[{'nqn':'s','namespaces':[{'nsid':1}]}]}",
	  "f: nvmfd.subsystems[2].nqn: the same as nvmfd.subsystems[0].nqn, expected another\n"
	  "f: nvmfd.subsystems[0].addresses[1]: the same as nvmfd.subsystems[0].addresses[0], expected another\n"
	  "f: nvmfd.subsystems[0].namespaces[0]: there are hosts, expected hidden to be 1: others see it, too\n"
	  "f: nvmfd.subsystems[0].namespaces[0].hosts[1]: the same as nvmfd.subsystems[0].namespaces[0].hosts[0],"
	  " expected another\n"
	  "f: nvmfd.subsystems[0].namespaces[1]: nsid is 2, expected that of one of the subsystem's namespaces\n"
	  "f: nvmfd.subsystems[0].namespaces[2]: nsid is 2, expected that of one of the subsystem's namespaces\n"
	  "f: nvmfd.subsystems[0].namespaces[2].nsid: the same as nvmfd.subsystems[0].namespaces[1].nsid,"
	  " expected another\n"
	  "f: nvmfd.subsystems[1].nqn: found no such name, expected the nqn of one of subsystems\n" },
	{ "{'nvmfd':{'subsystems':[{'nqn':'s','nn':2}]},'subsystems':[{'nqn':'s','namespaces':["
	  "{'nsid':2,'enable':1,'device':{'path':'/a'}},{'nsid':3,'enable':1,'device':{'path':'/b'}},{'nsid':4}]}]}",
	  "f: nvmfd.subsystems[0]: nn is 2, expected no less than the nsid of each namespace that is enabled, as 3\n" },
	{ "{'nvmfd':{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'eui64':'0123456789abcdef'},"
	  "{'nsid':2,'eui64':'0000000000000000'},{'nsid':3,'eui64':'0000000000000000'},"
	  "{'nsid':4,'eui64':'0123456789ABCDEF'},{'nsid':5}]}]},"
	  "'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':2},{'nsid':3},{'nsid':4},{'nsid':5}]}]}",
	  "f: nvmfd.subsystems[0].namespaces[3].eui64: the same as nvmfd.subsystems[0].namespaces[0].eui64,"
	  " expected another\n" },
};

static void every_mistake_of_bad_files(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_mistakes(bad[i].text, bad[i].lines);
}

/* ANA groups that nothing is in, and hosts that nobody allows, open nothing. */
static void what_changes_nothing_is_good(void **state)
{
	struct config c;

	read_good(&c, "{'hosts':[{'nqn':'h'}],'ports':[{'portid':1," ADDR("192.0.2.1", "1") ",'subsystems':['s'],"
		  "'ana_groups':[{'grpid':1,'ana':{'state':'optimized'}},{'grpid':2,'ana':{'state':'inaccessible'}}]}],"
		  "'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'enable':1,'device':{'path':'/a'}},"
		  "{'nsid':2,'enable':0,'ana_grpid':2,'device':{'path':'/a'}}]}]}");
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_of_bad_files),
		cmocka_unit_test(what_changes_nothing_is_good),
	};

	return cmocka_run_group_tests_name("config/check", tests, NULL, NULL);
}
