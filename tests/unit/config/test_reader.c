/* SPDX-License-Identifier: BSD-2-Clause */
/* From text to data: what each key gives, and what is no value of it. */
#include "reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONG "0123456789012345678901234567890123456789"

static void nothing_is_a_file_too(void **state)
{
	struct config c;

	read_good(&c, "{}");
	assert_int_equal(c.host_count + c.port_count + c.subsystem_count, 0);
	config_free(&c);
}

static void check_kernel_port(const struct config_port *p)
{
	assert_int_equal(p->portid.value, 1);
	assert_string_equal(p->traddr, "192.0.2.7");
	assert_int_equal(p->trsvcid.value, 4420);
	assert_int_equal(p->adrfam.value, CONFIG_IPV4);
	assert_int_equal(p->inline_data_size.value, 16384);
	assert_int_equal(p->mdts.value, -1);
	assert_int_equal(p->subsystem_count, 1);
	assert_string_equal(p->subsystems[0], "nqn.2026-11.org.example:one");
	assert_int_equal(p->ana_group_count, 1);
	assert_int_equal(config_ana_state(p, 1), CONFIG_ANA_OPTIMIZED);
	assert_int_equal(config_ana_state(p, 2), CONFIG_ANA_INACCESSIBLE);
	assert_int_equal(p->referral_count, 1);
	assert_string_equal(p->referrals[0].traddr, "192.0.2.8");
	assert_int_equal(p->referrals[0].trsvcid.value, 8009);
	assert_int_equal(p->referrals[0].portid.value, 2);
	assert_int_equal(p->referrals[0].enable.value, 1);
}

static void check_kernel_subsystem(const struct config_subsystem *s)
{
	static const uint8_t uuid[] = { 0xd1, 0xc3, 0xb0, 0xa7, 0x7f, 0x0e, 0x4e, 0x4e,
					0x8a, 0x53, 0x5d, 0x1e, 0x6a, 0x1f, 0x7a, 0x01 };

	assert_string_equal(s->serial, "8d3a1f0c6b2e4d57");
	assert_string_equal(s->model, "Linux");
	assert_string_equal(s->firmware, "6.12.0");
	assert_int_equal(s->ieee_oui.value, 0x1405);
	assert_int_equal(s->cntlid_max.value, 65519);
	assert_int_equal(s->allow_any_host.value, 0);
	assert_int_equal(s->allowed_host_count, 1);
	assert_int_equal(s->namespace_count, 2);
	assert_int_equal(s->namespaces[0].nsid.value, 1);
	assert_string_equal(s->namespaces[0].path, "/dev/vg0/one");
	assert_memory_equal(s->namespaces[0].uuid.bytes, uuid, sizeof(uuid));
	assert_int_equal(s->namespaces[0].enable.value, 1);
	assert_int_equal(s->namespaces[1].nsid.value, 5);
	assert_int_equal(s->namespaces[1].nguid.bytes[15], 0x5b);
	assert_int_equal(s->namespaces[1].enable.value, 0);
	assert_false(config_has_path(&(struct config_namespace){ .path = s->passthru[0].path }));
}

static void what_the_kernel_saves(void **state)
{
	struct config c;
	char *text = kernel_file();

	read_good(&c, text);
	assert_int_equal(c.host_count, 1);
	assert_string_equal(c.hosts[0].dhchap_hash, "hmac(sha256)");
	assert_int_equal(c.port_count, 1);
	check_kernel_port(&c.ports[0]);
	assert_int_equal(c.subsystem_count, 1);
	check_kernel_subsystem(&c.subsystems[0]);
	config_free(&c);
	free(text);
}

/* nvmetcli of 2016 knew neither groups nor most attributes. */
static void what_old_kernels_saved(void **state)
{
	struct config c;

	read_good(&c, "{'hosts':[{'nqn':'hostnqn'}],'ports':[{'addr':{'adrfam':'ipv6','traddr':'fe80::1%eth0',"
		  "'treq':'not specified','trsvcid':'4420','trtype':'tcp'},'portid':2,'referrals':[],"
		  "'subsystems':['testnqn']}],'subsystems':[{'allowed_hosts':['hostnqn'],'attr':"
		  "{'allow_any_host':'0'},'namespaces':[{'device':{'nguid':"
		  "'ef90689c-6c46-d44c-89c1-4067801309a8','path':'/dev/nvme0n1'},'enable':1,'nsid':1}],"
		  "'nqn':'testnqn'}]}");
	assert_int_equal(c.ports[0].adrfam.value, CONFIG_IPV6);
	assert_int_equal(c.subsystems[0].cntlid_min.value, 1);
	assert_int_equal(c.subsystems[0].cntlid_max.value, 65519);
	assert_int_equal(c.subsystems[0].qid_max.value, 128);
	assert_false(c.subsystems[0].qid_max.given);
	assert_null(c.subsystems[0].serial);
	assert_int_equal(config_ana_group(&c.subsystems[0].namespaces[0]), 1);
	assert_int_equal(c.ports[0].inline_data_size.value, -1);
	config_free(&c);
}

static void numbers_as_texts_and_as_numbers(void **state)
{
	struct config c;

	read_good(&c, "{'subsystems':[{'nqn':'s','attr':{'allow_any_host':true,'cntlid_min':7,"
		  "'cntlid_max':'0x10','ieee_oui':'5253'},'namespaces':[{'nsid':'3','enable':false}]}]}");
	assert_int_equal(c.subsystems[0].allow_any_host.value, 1);
	assert_int_equal(c.subsystems[0].cntlid_min.value, 7);
	assert_int_equal(c.subsystems[0].cntlid_max.value, 16);
	assert_int_equal(c.subsystems[0].ieee_oui.value, 5253);
	assert_int_equal(c.subsystems[0].namespaces[0].nsid.value, 3);
	config_free(&c);
}

static void what_is_ours(void **state)
{
	const struct config_own_namespace *ns;
	struct config c;

	read_good(&c, "{'nvmfd':{'workers':2,'mdts':'256K','engine':'threads',"
		  "'devices':[{'name':'disk','device':'ramdisk:1M?bs=4096'}],"
		  "'subsystems':[{'nqn':'s','second_connection':'fence','addresses':['192.0.2.0/24','::1'],"
		  "'namespaces':[{'nsid':1,'hidden':1,'hosts':['h'],'read_only':1}]}]},"
		  "'subsystems':[{'nqn':'s','namespaces':[{'nsid':1,'enable':1,'device':{'path':'disk'}}]}]}");
	assert_int_equal(c.setting_count, 3);
	assert_string_equal(c.settings[0].name, "workers");
	assert_string_equal(c.settings[0].value, "2");
	assert_string_equal(c.settings[1].value, "256K");
	assert_string_equal(config_device_named(&c, "disk")->device, "ramdisk:1M?bs=4096");
	assert_null(config_device_named(&c, "disc"));
	assert_int_equal(config_own_named(&c, "s")->second_connection.value, CONFIG_SECOND_FENCE);
	assert_int_equal(config_own_named(&c, "s")->address_count, 2);
	assert_null(config_own_named(&c, "t"));
	ns = config_own_namespace(config_own_named(&c, "s"), 1);
	assert_true(ns->hidden.value && ns->read_only.value && ns->host_count == 1);
	assert_null(config_own_namespace(config_own_named(&c, "s"), 2));
	assert_null(config_own_namespace(NULL, 1));
	config_free(&c);
}

/* Each text with all that is told of it. */
static const struct bad {
	const char *text, *lines;
} bad[] = {
	/* The text itself. */
	{ "", "f:1:1: '[' or '{' expected near end of file\n" },
	{ "{'hosts':\n [}", "f:2:3: unexpected token near '}'\n" },
	{ "{} {}", "f:1:4: end of file expected near '{'\n" },
	{ "{'hosts':[{'nqn':'a','nqn':'b'}],'x':1}",
	  "f:1:26: duplicate object key near ''nqn''\n"
	  "f: x: found an unknown key, expected discovery, hosts, nvmfd, ports or subsystems\n" },
	{ "{'hosts':[{'nqn':'a\x01'}]}", "f:1:19: control character 0x1 near ''a'\n" },
	{ "{'\xff':1}", "f:1:2: unable to decode byte 0xff near '''\n" },
	{ "{'a':1,'a':2", "f:1:10: duplicate object key near ''a''\n"
			  "f:1:12: '}' expected near end of file\n" },
	/* Types. */
	{ "[]", "f: the file: found a list, expected an object\n" },
	{ "{'hosts':{}}", "f: hosts: found an object, expected a list\n" },
	{ "{'hosts':['a']}", "f: hosts[0]: found 'a', expected an object\n" },
	{ "{'hosts':[{'nqn':1}]}", "f: hosts[0].nqn: found 1, expected a name of 1 to 223 bytes without"
				   " control characters and slashes\n" },
	{ "{'hosts':[{'nqn':null},{'nqn':true},{'nqn':1.5}]}",
	  "f: hosts[0].nqn: found null, expected a name of 1 to 223 bytes without control characters and slashes\n"
	  "f: hosts[1].nqn: found true, expected a name of 1 to 223 bytes without control characters and slashes\n"
	  "f: hosts[2].nqn: found 1.5, expected a name of 1 to 223 bytes without control characters and slashes\n" },
	{ "{'subsystems':[{'nqn':'s','attr':7}]}", "f: subsystems[0].attr: found 7, expected an object\n" },
	{ "{'subsystems':[{'nqn':'s','allowed_hosts':[false]}]}",
	  "f: subsystems[0].allowed_hosts[0]: found false, expected a name of 1 to 223 bytes without control"
	  " characters and slashes\n" },
	/* Keys. */
	{ "{'hosts':[{}]}", "f: hosts[0].nqn: found nothing, expected a name of 1 to 223 bytes without control"
			    " characters and slashes\n" },
	{ "{'hosts':[{'nqn':'a','a key':{'b':1}}]}",
	  "f: hosts[0]['a key']: found an unknown key, expected dhchap or nqn\n" },
	{ "{'\\u001b[31m" LONG LONG "':1}", "f: ['\\x1b[31m01234567890123456789012345678901234567890123456789"
	  "01234...']: found an unknown key, expected discovery, hosts, nvmfd, ports or subsystems\n" },
	/* Names. */
	{ "{'hosts':[{'nqn':''},{'nqn':'a/b'},{'nqn':'..'},{'nqn':'" LONG LONG LONG LONG LONG LONG "'}]}",
	  "f: hosts[0].nqn: found '', expected a name of 1 to 223 bytes without control characters and slashes\n"
	  "f: hosts[1].nqn: found 'a/b', expected a name of 1 to 223 bytes without control characters and slashes\n"
	  "f: hosts[2].nqn: found '..', expected a name of 1 to 223 bytes without control characters and slashes\n"
	  "f: hosts[3].nqn: found '012345678901234567890123456789012345678901234567890123456789012...',"
	  " expected a name of 1 to 223 bytes without control characters and slashes\n" },
	{ "{'subsystems':[{'nqn':'nqn.2014-08.org.nvmexpress.discovery'}]}",
	  "f: subsystems[0].nqn: found 'nqn.2014-08.org.nvmexpress.discovery', expected a name of 1 to 223 bytes"
	  " without control characters and slashes, other than that of the discovery subsystem\n" },
	{ "{'discovery':{'nqn':'a/b'}}", "f: discovery.nqn: found 'a/b', expected a name of 1 to 223 bytes"
	  " without control characters and slashes\n" },
	{ "{'discovery':{'nqn':'s'},'subsystems':[{'nqn':'t'},{'nqn':'s'}]}",
	  "f: discovery.nqn: found 's', expected another name than that of subsystems[1]\n" },
	/* What can't be enforced; secrets are never shown. */
	{ "{'hosts':[{'nqn':'h','dhchap':{'key':'DHHC-1:00:hush:','ctrl_key':'DHHC-1:00:hush:'}}]}",
	  "f: hosts[0].dhchap.key: found a secret, expected '': nvmfd can't authenticate hosts yet\n"
	  "f: hosts[0].dhchap.ctrl_key: found a secret, expected '': nvmfd can't authenticate hosts yet\n" },
	{ "{'ports':[{'portid':1,'addr':{'traddr':'::','trsvcid':'4420','trtype':'tcp','tsas':'tls1.3',"
	  "'treq':'required'}}]}",
	  "f: ports[0].addr.tsas: found 'tls1.3', expected 'none': nvmfd has no TLS yet\n"
	  "f: ports[0].addr.treq: found 'required', expected 'not specified' or 'not required': nvmfd has no TLS yet\n" },
	{ "{'ports':[{'portid':1,'addr':{'traddr':'::','trsvcid':'4420','trtype':'rdma'},"
	  "'param':{'pi_enable':'1'}}]}",
	  "f: ports[0].addr.trtype: found 'rdma', expected 'tcp': nvmfd has no other transport\n"
	  "f: ports[0].param.pi_enable: found '1', expected 0: nvmfd has no protection information yet\n" },
	{ "{'subsystems':[{'nqn':'s','attr':{'pi_enable':'1','vendor_id':'0x144d'},'passthru':[{'enable':1}],"
	  "'namespaces':[{'nsid':1,'resv':{'enable':'1'}}]}]}",
	  "f: subsystems[0].attr.pi_enable: found '1', expected 0: nvmfd has no protection information yet\n"
	  "f: subsystems[0].attr.vendor_id: found '0x144d', expected 0x0: nvmfd's controllers have no PCI vendor\n"
	  "f: subsystems[0].passthru[0].enable: found 1, expected 0: nvmfd can't pass commands through\n"
	  "f: subsystems[0].namespaces[0].resv.enable: found '1', expected 0: nvmfd has no reservations yet\n" },
	/* Ports. */
	{ "{'ports':[{'portid':65536,'addr':{'traddr':'localhost','trsvcid':'65536','trtype':'tcp',"
	  "'adrfam':'ib'},'param':{'max_queue_size':'-2'},'ana_groups':[{'grpid':0,'ana':{'state':'good'}}]}]}",
	  "f: ports[0].portid: found 65536, expected a number from 0 to 65535\n"
	  "f: ports[0].addr.traddr: found 'localhost', expected an IPv4 or IPv6 address\n"
	  "f: ports[0].addr.trsvcid: found '65536', expected a number from 0 to 65535\n"
	  "f: ports[0].addr.adrfam: found 'ib', expected 'ipv4' or 'ipv6'\n"
	  "f: ports[0].param.max_queue_size: found '-2', expected a number from -1 to 65536\n"
	  "f: ports[0].ana_groups[0].grpid: found 0, expected a number from 1 to 1024\n"
	  "f: ports[0].ana_groups[0].ana.state: found 'good', expected 'optimized', 'non-optimized',"
	  " 'inaccessible', 'persistent-loss' or 'change'\n" },
	{ "{'ports':[{}]}", "f: ports[0].addr: found nothing, expected an object\n"
			    "f: ports[0].portid: found nothing, expected a number from 0 to 65535\n" },
	/* Subsystems. */
	{ "{'subsystems':[{'nqn':'s','attr':{'serial':'','model':'\\u00e9','firmware':'123456789','version':'1.',"
	  "'cntlid_min':0,'cntlid_max':'0xfff0','ieee_oui':'0x1000000','qid_max':'many'}}]}",
	  "f: subsystems[0].attr.serial: found '', expected 1 to 20 printable ASCII characters\n"
	  "f: subsystems[0].attr.model: found '\\xc3\\xa9', expected 1 to 40 printable ASCII characters\n"
	  "f: subsystems[0].attr.firmware: found '123456789', expected 1 to 8 printable ASCII characters\n"
	  "f: subsystems[0].attr.version: found '1.', expected a version such as 1.4 or 2.1\n"
	  "f: subsystems[0].attr.cntlid_min: found 0, expected a number from 1 to 65519\n"
	  "f: subsystems[0].attr.cntlid_max: found '0xfff0', expected a number from 1 to 65519\n"
	  "f: subsystems[0].attr.ieee_oui: found '0x1000000', expected a number from 0 to 16777215\n"
	  "f: subsystems[0].attr.qid_max: found 'many', expected a number from 1 to 65535\n" },
	{ "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':0,'enable':2,'device':{'uuid':'1-2','nguid':7,"
	  "'path':''}}]}]}",
	  "f: subsystems[0].namespaces[0].nsid: found 0, expected a number from 1 to 65535\n"
	  "f: subsystems[0].namespaces[0].enable: found 2, expected a number from 0 to 1\n"
	  "f: subsystems[0].namespaces[0].device.uuid: found '1-2', expected 32 hexadecimal digits, such as"
	  " '01234567-89ab-cdef-0123-456789abcdef'\n"
	  "f: subsystems[0].namespaces[0].device.nguid: found 7, expected 32 hexadecimal digits, such as"
	  " '01234567-89ab-cdef-0123-456789abcdef'\n"
	  "f: subsystems[0].namespaces[0].device.path: found '', expected a text that is not empty\n" },
	/* Ours. */
	{ "{'nvmfd':{'workers':0,'mdts':'3M','in_capsule_data':'17','engine':'steam','association_timeout':0,"
	  "'poll':[],'queue-entries':16,'foreground':1,'workerss':1}}",
	  "f: nvmfd.workers: found 0, expected a number from 1 to 256\n"
	  "f: nvmfd.mdts: found '3M', expected a power of two from 4096 to 33554432 bytes\n"
	  "f: nvmfd.in_capsule_data: found '17', expected a multiple of 16 from 0 to 131072 bytes\n"
	  "f: nvmfd.engine: found 'steam', expected auto, uring or threads\n"
	  "f: nvmfd.association_timeout: found 0, expected a number of seconds from 1 to 86400\n"
	  "f: nvmfd.poll: found a list, expected a number from 0 to 1000000\n"
	  "f: nvmfd.queue-entries: found an unknown key, expected devices, discovery_only, referrals or subsystems,"
	  " or an option of nvmfd\n"
	  "f: nvmfd.foreground: found an unknown key, expected devices, discovery_only, referrals or subsystems,"
	  " or an option of nvmfd\n"
	  "f: nvmfd.workerss: found an unknown key, expected devices, discovery_only, referrals or subsystems,"
	  " or an option of nvmfd\n" },
	{ "{'nvmfd':{'devices':[{'name':'a/b','device':'tape:1M'},{'name':'c','device':'ramdisk:1M?nsid=2'}]}}",
	  "f: nvmfd.devices[0].name: found 'a/b', expected 1 to 64 printable ASCII characters without slashes\n"
	  "f: nvmfd.devices[0].device: device 'tape:1M': 'tape' is not a kind of device: there are ramdisk,"
	  " file and null (a path with a colon is written ./...)\n"
	  "f: nvmfd.devices[1].device: found the key nsid or uuid, expected them in the namespace\n" },
	{ "{'nvmfd':{'discovery_only':['7']}}",
	  "f: nvmfd.discovery_only: there is no port 7, expected the portid of one of ports\n" },
	{ "{'nvmfd':{'devices':[{'name':'a','device':'tape:\x7f'}]}}",
	  "f: nvmfd.devices[0].device: device 'tape:?': 'tape' is not a kind of device: there are ramdisk,"
	  " file and null (a path with a colon is written ./...)\n" },
	{ "{'nvmfd':{'subsystems':[{'nqn':'s','second_connection':'refuse','addresses':['192.0.2.0/33',"
	  "'fe80::1%eth0','here']}]},'subsystems':[{'nqn':'s'}]}",
	  "f: nvmfd.subsystems[0].second_connection: found 'refuse', expected 'allow' or 'fence'\n"
	  "f: nvmfd.subsystems[0].addresses[0]: found '192.0.2.0/33', expected an address or a prefix such as"
	  " '192.0.2.0/24'\n"
	  "f: nvmfd.subsystems[0].addresses[1]: found 'fe80::1%eth0', expected an address or a prefix such as"
	  " '192.0.2.0/24'\n"
	  "f: nvmfd.subsystems[0].addresses[2]: found 'here', expected an address or a prefix such as"
	  " '192.0.2.0/24'\n" },
};

static void every_mistake_of_bad_files(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_mistakes(bad[i].text, bad[i].lines);
}

static void mistakes_beyond_number_are_counted(void **state)
{
	char text[4096] = "{'hosts':[";
	struct config_mistakes m;
	struct config c;
	char *json;

	for (int i = 0; i < 3 * CONFIG_MISTAKES_MOST; i++)
		strcat(text, i ? ",1" : "1");
	strcat(text, "]}");
	json = quoted(text);
	assert_int_equal(config_parse(&c, json, strlen(json), &m), -EINVAL);
	assert_int_equal(m.count, CONFIG_MISTAKES_MOST);
	assert_int_equal(m.others, 2 * CONFIG_MISTAKES_MOST);
	config_mistakes_free(&m);
	free(json);
}

static void nesting_has_a_bound(void **state)
{
	assert_mistakes("{'a':'[[[[[[[[[[[[[[[[[[[[','b\\\\':\n[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
			"f:2:16: more than 16 levels of lists and objects\n");
	assert_mistakes("{'a\\'[[[[[[[[[[[[[[[[[[[[':[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
			"f: ['a\\'[[[[[[[[[[[[[[[[[[[[']: found an unknown key, expected discovery, hosts, nvmfd,"
			" ports or subsystems\n");
}

static void size_has_a_bound(void **state)
{
	char *text = malloc(CONFIG_TEXT_MOST + 1);
	struct config_mistakes m;
	struct config c;

	assert_non_null(text);
	memset(text, ' ', CONFIG_TEXT_MOST + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(config_parse(&c, text, CONFIG_TEXT_MOST, &m), 0);
	config_free(&c);
	config_mistakes_free(&m);
	assert_int_equal(config_parse(&c, text, CONFIG_TEXT_MOST + 1, &m), -EINVAL);
	assert_string_equal(m.list[0].sentence, "16777217 bytes are more than the 16777216 that are read");
	config_mistakes_free(&m);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_a_file_too),
		cmocka_unit_test(what_the_kernel_saves),
		cmocka_unit_test(what_old_kernels_saved),
		cmocka_unit_test(numbers_as_texts_and_as_numbers),
		cmocka_unit_test(what_is_ours),
		cmocka_unit_test(every_mistake_of_bad_files),
		cmocka_unit_test(mistakes_beyond_number_are_counted),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(size_has_a_bound),
	};

	return cmocka_run_group_tests_name("config/reader", tests, NULL, NULL);
}
