/* SPDX-License-Identifier: BSD-2-Clause */
/* From file to file: all or nothing wherever it fails, and clean wherever we die. */
#include "fake.h"

#include "../config/reading.h"
#include "kernel/plan.h"
#include "kernel/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDR(port) "'addr':{'traddr':'127.0.0.1','trsvcid':'" port "','trtype':'tcp'}"
#define NS(id, path) "{'nsid':" id ",'enable':1,'device':{'path':'" path "'}}"
#define OPEN "'attr':{'allow_any_host':'1'}"

static const char *const files[] = {
	"{}",
	"{'ports':[{'portid':1," ADDR("4420") ",'subsystems':['s']}],"
	"'subsystems':[{'nqn':'s'," OPEN ",'namespaces':[" NS("1", "/a") "]}]}",
	/* Another host list, more and other namespaces, a second subsystem. */
	"{'hosts':[{'nqn':'h'},{'nqn':'shared'},{'nqn':'idle'}],"
	"'ports':[{'portid':1," ADDR("4420") ",'subsystems':['s','t']}],"
	"'subsystems':[{'nqn':'s','allowed_hosts':['h','shared'],'namespaces':[" NS("1", "/b") "," NS("2", "/c") "]},"
	"{'nqn':'t'," OPEN "}]}",
	/* A port that does not listen, and one with all that a port has. */
	"{'hosts':[{'nqn':'shared'}],'ports':[{'portid':1," ADDR("4420") "},{'portid':2," ADDR("4421")
	",'subsystems':['t'],'ana_groups':[{'grpid':1,'ana':{'state':'non-optimized'}},"
	"{'grpid':2,'ana':{'state':'optimized'}}],'referrals':[{'name':'r','enable':1," ADDR("8009") "}]}],"
	"'subsystems':[{'nqn':'t'," OPEN ",'namespaces':[" NS("7", "/c") "]}]}",
	/* It has another address, and groups and referrals have changed. */
	"{'hosts':[{'nqn':'h'}],'ports':[{'portid':1," ADDR("4430") ",'subsystems':['t']},{'portid':2," ADDR("4421")
	",'subsystems':['t'],'ana_groups':[{'grpid':1,'ana':{'state':'optimized'}},{'grpid':3,'ana':"
	"{'state':'optimized'}}],'referrals':[{'name':'r','enable':1," ADDR("8010") "}]}],"
	"'subsystems':[{'nqn':'t','allowed_hosts':['h']}]}",
};

#define FILES (sizeof(files) / sizeof(files[0]))

/* What is somebody else's, hosts that ours are, too, among it. */
static void make_foreign(struct fake *f)
{
	fake_make(f, "hosts/idle");
	fake_make(f, "hosts/shared");
	fake_make(f, "subsystems/foreign");
	fake_make(f, "subsystems/foreign/namespaces/1");
	fake_put(f, "subsystems/foreign/namespaces/1/enable", "1");
	fake_link(f, "hosts/shared", "subsystems/foreign/allowed_hosts/shared");
	fake_make(f, "ports/77");
	fake_link(f, "subsystems/foreign", "ports/77/subsystems/foreign");
}

static int go(struct fake *f, const struct config *before, const struct config *after)
{
	char error[1024] = "";
	struct steps steps;
	int r;

	assert_int_equal(kernel_plan(before, after, &steps, error, sizeof(error)), 0);
	r = steps_run(&steps, &f->configfs, error, sizeof(error));
	steps_free(&steps);
	assert_int_equal(!r, !*error);
	/* The dead take nothing back. */
	assert_true(f->dies_at || !strstr(error, "as it was"));
	return r;
}

/* A configfs with the file, which the caller closes. */
static void start(struct fake *f, const struct config *c)
{
	static const struct config nothing;

	fake_open(f);
	make_foreign(f);
	assert_int_equal(go(f, &nothing, c), 0);
	f->calls = 0;
}

static void assert_text(const struct fake *f, const char *expected)
{
	char *text = fake_text(f);

	assert_string_equal(text, expected);
	free(text);
}

/* What it looks like when that file is the first one. */
static char *wanted(const struct config *c)
{
	struct fake *f = malloc(sizeof(*f));
	char *text;

	start(f, c);
	text = fake_text(f);
	fake_close(f);
	free(f);
	return text;
}

static unsigned int change_once(const struct config *a, const struct config *b, unsigned int fails_at)
{
	struct fake *f = malloc(sizeof(*f));
	char *text = wanted(fails_at ? a : b);
	unsigned int calls;

	start(f, a);
	f->fails_at = fails_at;
	assert_int_equal(go(f, a, b), fails_at ? -EIO : 0);
	assert_text(f, text);
	calls = f->calls;
	fake_close(f);
	free(text);
	free(f);
	return calls;
}

/* A call that only restores a time may fail unheard, and a mark that fails is a failure. */
static bool is_heard(const struct config *a, const struct config *b, unsigned int call)
{
	struct fake *f = malloc(sizeof(*f));
	bool is_heard;

	start(f, a);
	f->fails_at = call;
	is_heard = go(f, a, b);
	fake_close(f);
	free(f);
	return is_heard;
}

/* A port that listens can't move. */
static bool is_refused(const struct config *a, const struct config *b)
{
	struct steps steps;
	char error[512];
	int r = kernel_plan(a, b, &steps, error, sizeof(error));

	steps_free(&steps);
	assert_true(!r || r == -EBUSY);
	return r;
}

static void all_or_nothing(void **state)
{
	unsigned int heard = 0;

	for (size_t i = 0; i < FILES * FILES; i++) {
		struct config a, b;
		unsigned int calls;

		read_good(&a, files[i / FILES]);
		read_good(&b, files[i % FILES]);
		calls = is_refused(&a, &b) ? 0 : change_once(&a, &b, 0);
		for (unsigned int call = 1; call <= calls; call++) {
			if (!is_heard(&a, &b, call))
				continue;
			change_once(&a, &b, call);
			heard++;
		}
		config_free(&a);
		config_free(&b);
	}
	assert_true(heard > 200);
}

/* ---- the end, and after a death --------------------------------------------------------------- */

static char *foreign_alone(void)
{
	static const struct config nothing;

	return wanted(&nothing);
}

static void die_at(const struct config *c, unsigned int call)
{
	static const struct config nothing;
	struct fake *f = malloc(sizeof(*f));
	char *text = foreign_alone(), error[256];

	start(f, &nothing);
	f->dies_at = call;
	assert_int_equal(go(f, &nothing, c), -EIO);
	f->dies_at = 0;
	sweep(&f->configfs, error, sizeof(error));
	assert_string_equal(error, "");
	assert_text(f, text);
	fake_close(f);
	free(text);
	free(f);
}

static void clean_wherever_it_died(void **state)
{
	for (size_t i = 1; i < FILES; i++) {
		struct config c;
		unsigned int calls;
		static const struct config nothing;

		read_good(&c, files[i]);
		calls = change_once(&nothing, &c, 0);
		assert_true(calls > 10);
		/* The last one of all is a link: there it dies before the end. */
		for (unsigned int call = 1; call <= calls; call++)
			die_at(&c, call);
		config_free(&c);
	}
}

/* While it clears: the next one goes on. */
static void clean_wherever_it_died_clearing(void **state)
{
	struct fake *f = malloc(sizeof(*f));
	char *text = foreign_alone(), error[256];
	unsigned int calls = 0;
	struct config c;

	read_good(&c, files[3]);
	for (unsigned int call = 0; call <= calls; call++) {
		start(f, &c);
		f->dies_at = call;
		sweep(&f->configfs, error, sizeof(error));
		calls = f->dies_at ? calls : f->calls;
		f->dies_at = 0;
		sweep(&f->configfs, error, sizeof(error));
		assert_string_equal(error, "");
		assert_text(f, text);
		fake_close(f);
	}
	assert_true(calls >= 8);
	config_free(&c);
	free(text);
	free(f);
}

static void what_others_put_into_ours_goes(void **state)
{
	struct fake *f = malloc(sizeof(*f));
	char *text = foreign_alone(), error[256];
	struct config c;

	read_good(&c, files[1]);
	start(f, &c);
	fake_make(f, "subsystems/s/namespaces/99");
	fake_make(f, "ports/1/referrals/by-hand");
	assert_int_equal(sweep(&f->configfs, error, sizeof(error)), 2);
	assert_string_equal(error, "");
	assert_text(f, text);
	fake_close(f);
	config_free(&c);
	free(text);
	free(f);
}

static void what_others_use_stays_and_is_told(void **state)
{
	struct fake *f = malloc(sizeof(*f));
	struct config c;
	char error[256];

	read_good(&c, files[1]);
	start(f, &c);
	fake_link(f, "subsystems/s", "ports/77/subsystems/s");
	sweep(&f->configfs, error, sizeof(error));
	assert_string_equal(error, "subsystems/s stays: something that is not nvmfd's uses it");
	assert_true(configfs_has(&f->configfs, "ports/77/subsystems/s"));
	assert_false(configfs_has(&f->configfs, "ports/1"));
	fake_close(f);
	config_free(&c);
	free(f);
}

/* ---- what is in the way ------------------------------------------------------------------------ */

static void assert_in_the_way(const char *path, const char *sentence)
{
	static const struct config nothing;
	struct fake *f = malloc(sizeof(*f));
	char error[512] = "", *before;
	struct steps steps;
	struct config c;

	read_good(&c, files[1]);
	start(f, &nothing);
	fake_make(f, path);
	before = fake_text(f);
	assert_int_equal(kernel_plan(&nothing, &c, &steps, error, sizeof(error)), 0);
	assert_int_equal(steps_run(&steps, &f->configfs, error, sizeof(error)), -EEXIST);
	assert_string_equal(error, sentence);
	assert_text(f, before);
	steps_free(&steps);
	config_free(&c);
	fake_close(f);
	free(before);
	free(f);
}

static void what_is_another_s_is_in_the_way(void **state)
{
	assert_in_the_way("ports/1", "port 1: the kernel's target has one of this name or number, which is not"
			  " nvmfd's");
	assert_in_the_way("subsystems/s", "subsystem 's': the kernel's target has one of this name or number,"
			  " which is not nvmfd's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(clean_wherever_it_died),
		cmocka_unit_test(clean_wherever_it_died_clearing),
		cmocka_unit_test(what_others_put_into_ours_goes),
		cmocka_unit_test(what_others_use_stays_and_is_told),
		cmocka_unit_test(what_is_another_s_is_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
