/* SPDX-License-Identifier: BSD-2-Clause */
/* What "::" takes when the kernel's target listens there: it leaves that to the system. */
#ifndef NVMFD_WILDCARD_H
#define NVMFD_WILDCARD_H

enum wildcard {
	WILDCARD_NO_IPV6,	/* there is none */
	WILDCARD_TAKES_IPV4,	/* hosts of IPv4 as well */
	WILDCARD_IPV6_ALONE,	/* net.ipv6.bindv6only is 1 */
};

enum wildcard wildcard_now(void);

#endif
