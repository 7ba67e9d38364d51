/* SPDX-License-Identifier: BSD-2-Clause */
#include "wildcard.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new socket has the system's setting. */
enum wildcard wildcard_now(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), is_alone = 0;
	socklen_t length = sizeof(is_alone);

	if (fd < 0)
		return WILDCARD_NO_IPV6;
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_alone, &length);
	close(fd);
	return is_alone ? WILDCARD_IPV6_ALONE : WILDCARD_TAKES_IPV4;
}
