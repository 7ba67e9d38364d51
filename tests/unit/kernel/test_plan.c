/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps from one file to another, as text. */
#include "../config/reading.h"

#include "kernel/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDR(address) "'addr':{'traddr':'" address "','trsvcid':'4420','trtype':'tcp'}"
#define S(rest) "{'subsystems':[{'nqn':'s'" rest "}]}"
#define NS(rest) S(",'namespaces':[{'nsid':3" rest "}]")
#define UUID "'00112233-4455-6677-8899-aabbccddeeff'"
#define P(address, rest) "{'ports':[{'portid':7," ADDR(address) rest "}]}"

/* "+PATH" is made, "-PATH" removed, "PATH=VALUE" set, "PATH>TARGET" linked. */
static void print_step(FILE *to, const struct step *s)
{
	if (s->kind == STEP_SET && s->is_back && !s->old)
		return;
	if (s->kind == STEP_SET)
		fprintf(to, "%s=%s\n", s->path, s->is_back ? s->old : s->value);
	else if (s->kind == STEP_LINK && !s->is_back)
		fprintf(to, "%s>%s\n", s->path, s->value);
	else
		fprintf(to, "%c%s\n", s->is_back ? '-' : '+', s->path);
}

static char *plan(const char *before, const char *after, int expected, char *error, size_t error_size)
{
	struct config a, b;
	struct steps steps;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	read_good(&a, before);
	read_good(&b, after);
	assert_int_equal(kernel_plan(&a, &b, &steps, error, error_size), expected);
	for (size_t i = 0; i < steps.count; i++)
		print_step(to, &steps.list[i]);
	fclose(to);
	steps_free(&steps);
	config_free(&a);
	config_free(&b);
	return text;
}

static void assert_plan(const char *before, const char *after, const char *expected)
{
	char error[512], *text = plan(before, after, 0, error, sizeof(error));

	assert_string_equal(text, expected);
	free(text);
}

static void assert_refused(const char *before, const char *after, const char *sentence)
{
	char error[512];

	free(plan(before, after, -EBUSY, error, sizeof(error)));
	assert_string_equal(error, sentence);
}

#define WHOLE "{'hosts':[{'nqn':'h'}],'ports':[{'portid':7," ADDR("::1") ",'subsystems':['s'],'referrals':" \
	"[{'name':'r','enable':1," ADDR("192.0.2.9") "}],'ana_groups':[{'grpid':1,'ana':{'state':'optimized'}}," \
	"{'grpid':2,'ana':{'state':'non-optimized'}}]}],'subsystems':[{'nqn':'s','attr':{'serial':'x'}," \
	"'allowed_hosts':['h'],'namespaces':[{'nsid':3,'enable':1,'ana_grpid':2,'device':{'path':'/d'}}]}]}"

static void what_is_named_comes_first_and_hosts_last(void **state)
{
	assert_plan("{}", WHOLE,
		    "+hosts/h\n"
		    "+subsystems/s\n"
		    "subsystems/s/attr_serial=x\n"
		    "subsystems/s/allowed_hosts/h>hosts/h\n"
		    "+subsystems/s/namespaces/3\n"
		    "subsystems/s/namespaces/3/device_path=/d\n"
		    "subsystems/s/namespaces/3/device_uuid=00000000-0000-0000-0000-000000000000\n"
		    "subsystems/s/namespaces/3/ana_grpid=2\n"
		    "subsystems/s/namespaces/3/enable=1\n"
		    "+ports/7\n"
		    "ports/7/addr_trtype=tcp\n"
		    "ports/7/addr_adrfam=ipv6\n"
		    "ports/7/addr_traddr=::1\n"
		    "ports/7/addr_trsvcid=4420\n"
		    "+ports/7/ana_groups/2\n"
		    "ports/7/ana_groups/2/ana_state=non-optimized\n"
		    "+ports/7/referrals/r\n"
		    "ports/7/referrals/r/addr_trtype=tcp\n"
		    "ports/7/referrals/r/addr_adrfam=ipv4\n"
		    "ports/7/referrals/r/addr_traddr=192.0.2.9\n"
		    "ports/7/referrals/r/addr_trsvcid=4420\n"
		    "ports/7/referrals/r/enable=1\n"
		    "ports/7/subsystems/s>subsystems/s\n");
	assert_plan(WHOLE, "{}",
		    "-ports/7/subsystems/s\n"
		    "ports/7/referrals/r/enable=0\n"
		    "-ports/7/referrals/r\n"
		    "-ports/7/ana_groups/2\n"
		    "-ports/7\n"
		    "subsystems/s/namespaces/3/enable=0\n"
		    "-subsystems/s/namespaces/3\n"
		    "-subsystems/s/allowed_hosts/h\n"
		    "-subsystems/s\n"
		    "-hosts/h\n");
	assert_plan(WHOLE, WHOLE, "");
}

/* Of what older kernels lack, the file must ask for something else than they have. */
static void what_the_kernel_has_anyway_is_left_alone(void **state)
{
	assert_plan("{}", S(",'attr':{'serial':'x','cntlid_min':'1','cntlid_max':'65519','qid_max':'128',"
			    "'ieee_oui':'0x000000','vendor_id':'0x0','pi_enable':'0','allow_any_host':'0'}"),
		    "+subsystems/s\nsubsystems/s/attr_serial=x\n");
	assert_plan("{}", S(",'attr':{'serial':'x','cntlid_min':'10','cntlid_max':'20','qid_max':'4','model':'m',"
			    "'firmware':'f','ieee_oui':'0x0000ab','version':'1.3','allow_any_host':'1'}"),
		    "+subsystems/s\n"
		    "subsystems/s/attr_cntlid_max=20\n"
		    "subsystems/s/attr_cntlid_min=10\n"
		    "subsystems/s/attr_firmware=f\n"
		    "subsystems/s/attr_ieee_oui=0x0000ab\n"
		    "subsystems/s/attr_model=m\n"
		    "subsystems/s/attr_qid_max=4\n"
		    "subsystems/s/attr_version=1.3\n"
		    "subsystems/s/attr_serial=x\n"
		    "subsystems/s/attr_allow_any_host=1\n");
	assert_plan("{}", P("::1", ",'param':{'inline_data_size':'-1','mdts':'5'}"),
		    "+ports/7\nports/7/addr_trtype=tcp\nports/7/addr_adrfam=ipv6\nports/7/addr_traddr=::1\n"
		    "ports/7/addr_trsvcid=4420\nports/7/param_mdts=5\n");
}

/* The kernel would invent both. */
static void serial_number_and_uuid_are_always_said(void **state)
{
	assert_plan("{}", S(""), "+subsystems/s\nsubsystems/s/attr_serial=NXS3071V3TZBZ1HGJT47\n");
	assert_plan(NS(""), NS(",'enable':1,'device':{'path':'/d','uuid':" UUID ",'nguid':" UUID "}"),
		    "-subsystems/s/namespaces/3\n"
		    "+subsystems/s/namespaces/3\n"
		    "subsystems/s/namespaces/3/device_path=/d\n"
		    "subsystems/s/namespaces/3/device_nguid=00112233-4455-6677-8899-aabbccddeeff\n"
		    "subsystems/s/namespaces/3/device_uuid=00112233-4455-6677-8899-aabbccddeeff\n"
		    "subsystems/s/namespaces/3/enable=1\n");
}

#define DEVICE(text) "{'subsystems':[{'nqn':'s','namespaces':[{'nsid':3,'enable':1,'device':{'path':'d'}}]}]," \
	"'nvmfd':{'devices':[{'name':'d','device':'" text "'}]}}"
#define BEGIN "+subsystems/s/namespaces/3\nsubsystems/s/namespaces/3/device_path=/d\n" \
	"subsystems/s/namespaces/3/device_uuid=00000000-0000-0000-0000-000000000000\n"

static void a_device_is_what_it_describes(void **state)
{
	assert_plan(S(""), DEVICE("file:/d"),
		    BEGIN "subsystems/s/namespaces/3/buffered_io=1\nsubsystems/s/namespaces/3/enable=1\n");
	assert_plan(S(""), DEVICE("/d?direct"), BEGIN "subsystems/s/namespaces/3/enable=1\n");
	assert_refused(DEVICE("/d?direct"), DEVICE("/e?direct"), "device 'd' can't become another while it is"
		       " there: give the new one a name of its own");
}

#define HOST(rest) "{'hosts':[{'nqn':'h'}],'subsystems':[{'nqn':'s'" rest "}]}"

static void who_may_come_changes_in_an_order_that_the_kernel_takes(void **state)
{
	assert_plan(HOST(",'allowed_hosts':['h']"), HOST(",'attr':{'allow_any_host':'1'}"),
		    "-subsystems/s/allowed_hosts/h\nsubsystems/s/attr_allow_any_host=1\n");
	assert_plan(HOST(",'attr':{'allow_any_host':'1'}"), HOST(",'allowed_hosts':['h']"),
		    "subsystems/s/attr_allow_any_host=0\nsubsystems/s/allowed_hosts/h>hosts/h\n");
}

#define LISTENS(address) "{'ports':[{'portid':7," ADDR(address) ",'subsystems':['s']}],'subsystems':[{'nqn':'s'}]}"
#define SILENT(address) "{'ports':[{'portid':7," ADDR(address) "}],'subsystems':[{'nqn':'s'}]}"

static void a_port_moves_while_it_serves_nothing(void **state)
{
	assert_plan(SILENT("127.0.0.1"), SILENT("::1"), "ports/7/addr_adrfam=ipv6\nports/7/addr_traddr=::1\n");
	assert_plan(SILENT("127.0.0.1"), LISTENS("127.0.0.2"),
		    "ports/7/addr_traddr=127.0.0.2\nports/7/subsystems/s>subsystems/s\n");
	assert_plan(LISTENS("127.0.0.1"), SILENT("127.0.0.2"),
		    "-ports/7/subsystems/s\nports/7/addr_traddr=127.0.0.2\n");
	assert_plan(LISTENS("127.0.0.1"), LISTENS("127.0.0.2"),
		    "-ports/7/subsystems/s\nports/7/addr_traddr=127.0.0.2\nports/7/subsystems/s>subsystems/s\n");
}

#define TWO(first, second) "{'ports':[{'portid':7," ADDR(first) ",'subsystems':['s']},{'portid':8," ADDR(second) \
	",'subsystems':['s']}],'subsystems':[{'nqn':'s'}]}"

static void two_ports_change_places(void **state)
{
	assert_plan(TWO("127.0.0.1", "127.0.0.2"), TWO("127.0.0.2", "127.0.0.1"),
		    "-ports/7/subsystems/s\n-ports/8/subsystems/s\n"
		    "ports/7/addr_traddr=127.0.0.2\nports/8/addr_traddr=127.0.0.1\n"
		    "ports/7/subsystems/s>subsystems/s\nports/8/subsystems/s>subsystems/s\n");
	/* The other one goes on. */
	assert_plan(TWO("127.0.0.1", "127.0.0.2"), TWO("127.0.0.3", "127.0.0.2"),
		    "-ports/7/subsystems/s\nports/7/addr_traddr=127.0.0.3\nports/7/subsystems/s>subsystems/s\n");
}

static void attributes_change(void **state)
{
	assert_plan(S(",'attr':{'serial':'x'}"), S(",'attr':{'serial':'y','qid_max':'4','ieee_oui':'0x0000ab'}"),
		    "subsystems/s/attr_ieee_oui=0x0000ab\nsubsystems/s/attr_qid_max=4\nsubsystems/s/attr_serial=y\n");
	assert_plan(S(",'attr':{'model':'x','firmware':'1'}"), S(",'attr':{'model':'y','firmware':'2'}"),
		    "subsystems/s/attr_firmware=2\nsubsystems/s/attr_model=y\n");
	assert_plan(S(",'attr':{'serial':'x'}"), S(""), "subsystems/s/attr_serial=NXS3071V3TZBZ1HGJT47\n");
	/* It says what would be anyway. */
	assert_plan(S(""), S(",'attr':{'cntlid_min':'1','serial':'NXS3071V3TZBZ1HGJT47'}"), "");
}

static void what_the_kernel_chose_is_not_known(void **state)
{
	assert_refused(S(""), S(",'attr':{'model':'y'}"), "attr.model of 's' can't come or go while the subsystem is"
		       " there: one of the two is the kernel's own");
	assert_refused(S(",'attr':{'firmware':'y'}"), S(""), "attr.firmware of 's' can't come or go while the"
		       " subsystem is there: one of the two is the kernel's own");
}

#define RANGE(first, last) S(",'attr':{'cntlid_min':'" first "','cntlid_max':'" last "'}")

static void a_range_is_one_at_each_step(void **state)
{
	assert_plan(RANGE("10", "20"), RANGE("30", "40"),
		    "subsystems/s/attr_cntlid_max=40\nsubsystems/s/attr_cntlid_min=30\n");
	assert_plan(RANGE("30", "40"), RANGE("10", "20"),
		    "subsystems/s/attr_cntlid_min=10\nsubsystems/s/attr_cntlid_max=20\n");
	assert_plan(RANGE("30", "40"), RANGE("10", "35"),
		    "subsystems/s/attr_cntlid_max=35\nsubsystems/s/attr_cntlid_min=10\n");
}

static void states_of_groups_change(void **state)
{
	static const char one[] = P("::1", ",'ana_groups':[{'grpid':1,'ana':{'state':'non-optimized'}},"
				    "{'grpid':2,'ana':{'state':'optimized'}}]");

	assert_plan(P("::1", ""), one, "ports/7/ana_groups/1/ana_state=non-optimized\n+ports/7/ana_groups/2\n"
		    "ports/7/ana_groups/2/ana_state=optimized\n");
	assert_plan(one, P("::1", ""), "ports/7/ana_groups/1/ana_state=optimized\n-ports/7/ana_groups/2\n");
	assert_plan(one, P("::1", ",'ana_groups':[{'grpid':1,'ana':{'state':'non-optimized'}},"
			   "{'grpid':2,'ana':{'state':'inaccessible'}}]"),
		    "ports/7/ana_groups/2/ana_state=inaccessible\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_named_comes_first_and_hosts_last),
		cmocka_unit_test(what_the_kernel_has_anyway_is_left_alone),
		cmocka_unit_test(serial_number_and_uuid_are_always_said),
		cmocka_unit_test(a_device_is_what_it_describes),
		cmocka_unit_test(who_may_come_changes_in_an_order_that_the_kernel_takes),
		cmocka_unit_test(a_port_moves_while_it_serves_nothing),
		cmocka_unit_test(two_ports_change_places),
		cmocka_unit_test(attributes_change),
		cmocka_unit_test(what_the_kernel_chose_is_not_known),
		cmocka_unit_test(a_range_is_one_at_each_step),
		cmocka_unit_test(states_of_groups_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
