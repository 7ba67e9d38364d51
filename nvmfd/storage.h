/* SPDX-License-Identifier: BSD-2-Clause */
/* From the devices of the command line to namespaces of the model. */
#ifndef NVMFD_STORAGE_H
#define NVMFD_STORAGE_H

#include "device_spec.h"
#include "model/model.h"

/* Opens every device; 0, or -errno with a sentence.  What was opened is the
 * model's in either case. */
int storage_open(struct model *, const struct device_spec *devices, size_t count,
		 char *error, size_t error_size);

#endif
