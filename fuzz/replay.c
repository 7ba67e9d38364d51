/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over files, without libFuzzer: the corpus in git is a unit
 * test by it, under any compiler, sanitizer and valgrind.  Speaks TAP: each file or
 * folder is a case, and the last file named is the culprit.  With --time it says how many executions a second that makes.
 *
 *	replay [--time SECONDS] FILE|FOLDER ...
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LONGEST (1u << 20)

struct replay {
	double seconds;			/* how long each file is repeated; 0: once */
	unsigned int cases;
	unsigned long runs, files;
};

/* Of this process alone: others may be busy. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Memory of exactly the file's size, so that reading beyond it is caught. */
static uint8_t *load(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *all = malloc(LONGEST), *bytes;

	if (!f || !all) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	*n = fread(all, 1, LONGEST, f);
	fclose(f);
	bytes = malloc(*n ? *n : 1);
	if (!bytes)
		exit(1);
	memcpy(bytes, all, *n);
	free(all);
	return bytes;
}

static void run_file(struct replay *r, const char *path)
{
	size_t n;
	uint8_t *bytes = load(path, &n);
	double end = now() + r->seconds;

	printf("# %s\n", path);
	fflush(stdout);
	do {
		LLVMFuzzerTestOneInput(bytes, n);
		r->runs++;
	} while (r->seconds > 0 && now() < end);
	free(bytes);
	r->files++;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void run_path(struct replay *r, const char *path)
{
	struct dirent **names;
	int count = scandir(path, &names, is_visible, alphasort);

	if (count < 0)
		run_file(r, path);
	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		run_file(r, file);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	printf("%s %u - %s\n", count ? "ok" : "not ok", ++r->cases, path);
}

int main(int argc, char **argv)
{
	struct replay r = { 0 };
	double start = now();

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--time") && i + 1 < argc)
			r.seconds = strtod(argv[++i], NULL);
		else
			run_path(&r, argv[i]);
	}
	printf("1..%u\n# %lu files, %.0f executions a CPU second\n", r.cases, r.files,
	       (double)r.runs / (now() - start));
	return r.files ? 0 : 1;
}
