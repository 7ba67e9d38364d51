/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NVMF_API_H
#define NVMF_API_H

/*
 * Marks a call that libnvmf.so exports.  Its name also stands in
 * lib/libnvmf.map, with the version that it came with.
 */
#define NVMF_API __attribute__((visibility("default")))

#endif
