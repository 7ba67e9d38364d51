/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_RECORDS_H
#define FUZZ_RECORDS_H

/* Bytes of a record in the scripts of fuzz_connection and fuzz_answers. */
#define FUZZ_RECORD 8u

#endif
