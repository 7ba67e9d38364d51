/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told between two files, and in which order. */
#include "reading.h"

#include "config/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDR(address) "'addr':{'traddr':'" address "','trsvcid':'4420','trtype':'tcp'}"

/* All kinds of things, once. */
#define WHOLE \
	"{'hosts':[{'nqn':'h'}],'ports':[{'portid':7," ADDR("192.0.2.1") ",'subsystems':['s']," \
	"'ana_groups':[{'grpid':1,'ana':{'state':'optimized'}}],'referrals':[{'name':'r'," ADDR("192.0.2.9") "}]}]," \
	"'subsystems':[{'nqn':'s','allowed_hosts':['h'],'namespaces':[{'nsid':3,'enable':1,'device':" \
	"{'path':'disk'}}]}],'nvmfd':{'workers':2,'devices':[{'name':'disk','device':'null:1M'}]," \
	"'subsystems':[{'nqn':'s','addresses':['::1'],'namespaces':[{'nsid':3,'hidden':1,'hosts':['h']}]}]}}"

static const char *const verbs[] = { "remove", "change", "add" };
static const char *const whats[] = {
	[CONFIG_SETTING] = "setting", [CONFIG_DEVICE] = "device", [CONFIG_HOST] = "host",
	[CONFIG_SUBSYSTEM] = "subsystem", [CONFIG_ADDRESS] = "address",
	[CONFIG_ALLOWED_HOST] = "allowed", [CONFIG_NAMESPACE] = "namespace", [CONFIG_VIEWER] = "viewer",
	[CONFIG_PORT] = "port", [CONFIG_ANA_GROUP] = "group", [CONFIG_REFERRAL] = "referral",
	[CONFIG_EXPORT] = "export", [CONFIG_DISCOVERY] = "discovery",
};

/* Its name, for those that have one. */
static const char *name_of(const struct config_change *c)
{
	const void *thing = c->after ? c->after : c->before;

	switch (c->what) {
	case CONFIG_DISCOVERY:
	case CONFIG_ADDRESS:
	case CONFIG_ALLOWED_HOST:
	case CONFIG_VIEWER:
	case CONFIG_EXPORT:
		return thing;
	case CONFIG_NAMESPACE:
	case CONFIG_PORT:
	case CONFIG_ANA_GROUP:
		return "";
	default:
		return *(char *const *)thing;
	}
}

static void assert_changes(const char *before, const char *after, const char *expected)
{
	struct config_changes changes;
	struct config a, b;
	char got[2048] = "";
	size_t used = 0;

	read_good(&a, before);
	read_good(&b, after);
	assert_int_equal(config_diff(&a, &b, &changes), 0);
	for (size_t i = 0; i < changes.count; i++) {
		const struct config_change *c = &changes.list[i];

		assert_true(!c->before == (c->verb == CONFIG_ADD) && !c->after == (c->verb == CONFIG_REMOVE));
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%s %s %s %s %d\n", verbs[c->verb],
					 whats[c->what], name_of(c), c->subsystem ? c->subsystem : "-",
					 (int)c->number);
	}
	assert_string_equal(got, expected);
	config_changes_free(&changes);
	config_free(&a);
	config_free(&b);
}

static void nothing(void **state)
{
	assert_changes("{}", "{}", "");
	assert_changes(WHOLE, WHOLE, "");
}

/* How it is written changes nothing, nor what stands for the default. */
static void another_way_to_say_it(void **state)
{
	assert_changes("{'subsystems':[{'nqn':'s','attr':{'cntlid_min':'1'}},{'nqn':'t'}]}",
		       "{'subsystems':[{'nqn':'t','attr':{'allow_any_host':false}},{'nqn':'s'}]}", "");
	assert_changes("{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1}]}],'nvmfd':{'subsystems':"
		       "[{'nqn':'s','namespaces':[{'nsid':1}]}]}}",
		       "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':'0x1','enable':0}]}]}", "");
}

static void everything_added(void **state)
{
	assert_changes("{}", WHOLE,
		       "add setting workers - 0\n"
		       "add device disk - 0\n"
		       "add host h - 0\n"
		       "add subsystem s - 0\n"
		       "add address ::1 s 0\n"
		       "add allowed h s 0\n"
		       "add namespace  s 3\n"
		       "add viewer h s 3\n"
		       "add port  - 7\n"
		       "add group  - 7\n"
		       "add referral r - 7\n"
		       "add export s - 7\n");
}

static void everything_removed(void **state)
{
	assert_changes(WHOLE, "{}",
		       "remove export s - 7\n"
		       "remove referral r - 7\n"
		       "remove group  - 7\n"
		       "remove port  - 7\n"
		       "remove viewer h s 3\n"
		       "remove namespace  s 3\n"
		       "remove allowed h s 0\n"
		       "remove address ::1 s 0\n"
		       "remove subsystem s - 0\n"
		       "remove host h - 0\n"
		       "remove device disk - 0\n"
		       "remove setting workers - 0\n");
}

/* Each thing with another value. */
static void everything_changed(void **state)
{
	assert_changes(WHOLE,
		       "{'hosts':[{'nqn':'h','dhchap':{'hash':'x'}}],'ports':[{'portid':7," ADDR("192.0.2.2") ","
		       "'subsystems':['s'],'ana_groups':[{'grpid':1,'ana':{'state':'non-optimized'}}],"
		       "'referrals':[{'name':'r'," ADDR("192.0.2.8") "}]}],'subsystems':[{'nqn':'s','attr':"
		       "{'serial':'1'},'allowed_hosts':['h'],'namespaces':[{'nsid':3,'device':{'path':'disk'}}]}],"
		       "'nvmfd':{'workers':3,'devices':[{'name':'disk','device':'null:2M'}],'subsystems':"
		       "[{'nqn':'s','addresses':['::1'],'namespaces':[{'nsid':3,'hidden':1,'hosts':['h']}]}]}}",
		       "change setting workers - 0\n"
		       "change device disk - 0\n"
		       "change host h - 0\n"
		       "change subsystem s - 0\n"
		       "change namespace  s 3\n"
		       "change port  - 7\n"
		       "change group  - 7\n"
		       "change referral r - 7\n");
}

/* What is ours changes what the kernel's form describes. */
static void ours_alone(void **state)
{
	assert_changes("{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':2},{'nsid':3}]}],"
		       "'nvmfd':{'subsystems':[{'nqn':'s','second_connection':'fence','namespaces':"
		       "[{'nsid':2,'hidden':1,'hosts':['a','b']}]}]}}",
		       "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':2},{'nsid':3}]}],"
		       "'nvmfd':{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'read_only':1},"
		       "{'nsid':2,'hidden':1,'hosts':['c','b']},{'nsid':3,'hidden':1,'hosts':['a']}]}]}}",
		       "remove viewer a s 2\n"
		       "change subsystem s - 0\n"
		       "change namespace  s 1\n"
		       "change namespace  s 3\n"
		       "add viewer c s 2\n"
		       "add viewer a s 3\n");
}

static void ours_by_what_it_means(void **state)
{
	assert_changes("{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':2},{'nsid':3}]},{'nqn':'t'}],"
		       "'nvmfd':{'subsystems':[{'nqn':'t','nn':3},{'nqn':'s','nn':5,'namespaces':"
		       "[{'nsid':1,'eui64':'0011223344556677'},{'nsid':2,'eui64':'00112233445566aa'},"
		       "{'nsid':3}]}]}}",
		       "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':1},{'nsid':2},{'nsid':3}]},{'nqn':'t'}],"
		       "'nvmfd':{'subsystems':[{'nqn':'t','nn':4},{'nqn':'s','nn':5,'namespaces':"
		       "[{'nsid':1,'eui64':'1011223344556677'},{'nsid':2,'eui64':'00112233445566AA'},"
		       "{'nsid':3,'eui64':'2011223344556677'}]}]}}",
		       "change subsystem t - 0\n"
		       "change namespace  s 1\n"
		       "change namespace  s 3\n");
}

/* Before anything is added, so that its name or address is free. */
static void replaced(void **state)
{
	assert_changes("{'ports':[{'portid':1," ADDR("192.0.2.1") "}],'subsystems':[{'nqn':'a'}]}",
		       "{'ports':[{'portid':2," ADDR("192.0.2.1") "}],'subsystems':[{'nqn':'b'}]}",
		       "remove port  - 1\n"
		       "remove subsystem a - 0\n"
		       "add subsystem b - 0\n"
		       "add port  - 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(another_way_to_say_it),
		cmocka_unit_test(everything_added),
		cmocka_unit_test(everything_removed),
		cmocka_unit_test(everything_changed),
		cmocka_unit_test(ours_alone),
		cmocka_unit_test(ours_by_what_it_means),
		cmocka_unit_test(replaced),
	};

	return cmocka_run_group_tests_name("config/diff", tests, NULL, NULL);
}
