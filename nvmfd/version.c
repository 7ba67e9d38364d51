/* SPDX-License-Identifier: BSD-2-Clause */
#include "version.h"

#include "backend/config.h"
#include "build.h"
#include "nvmf/version.h"

#include <openssl/crypto.h>

const char *version_warning(void)
{
	return NO_SYNC_FOR_TEST ?
		"THIS BUILD NEVER SYNCS STORAGE (no_sync_for_test): A POWER CUT LOSES WHAT HOSTS FLUSHED" : NULL;
}

void version_print(FILE *to)
{
	fprintf(to, "nvmfd %s\n", NVMF_VERSION);
	fprintf(to, "devices: ramdisk file null; wrappers: delay error\n");
	fprintf(to, "file I/O: io_uring, threads\n");
	fprintf(to, "built with: %s\n", BUILD_LIBRARIES);
	fprintf(to, "running with: %s\n", OpenSSL_version(OPENSSL_VERSION));
	fprintf(to, "not built in: TLS, authentication\n");
	if (version_warning())
		fprintf(to, "%s\n", version_warning());
}
