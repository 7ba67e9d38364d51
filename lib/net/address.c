/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, listening and connecting. */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int net_address_parse(struct net_address *a, const char *text, uint16_t port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM }, *found;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(text, service, &hints, &found))
		return -EINVAL;
	memcpy(&a->storage, found->ai_addr, found->ai_addrlen);
	a->length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

void net_address_text(const struct net_address *a, char text[NET_ADDRESS_TEXT])
{
	if (getnameinfo((const struct sockaddr *)&a->storage, a->length, text,
			NET_ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST))
		strcpy(text, "?");
}

bool net_address_is_ipv6(const struct net_address *a)
{
	return a->storage.ss_family == AF_INET6;
}

uint16_t net_address_port(const struct net_address *a)
{
	const struct sockaddr_in6 *six = (const void *)&a->storage;
	const struct sockaddr_in *four = (const void *)&a->storage;

	return ntohs(net_address_is_ipv6(a) ? six->sin6_port : four->sin_port);
}

bool net_address_is_any(const struct net_address *a)
{
	const struct sockaddr_in6 *six = (const void *)&a->storage;
	const struct sockaddr_in *four = (const void *)&a->storage;

	return net_address_is_ipv6(a) ? IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) :
					four->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* ::ffff:a.b.c.d is a.b.c.d */
static void unmap(struct net_address *a)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (!net_address_is_ipv6(a))
		return;
	memcpy(&six, &a->storage, sizeof(six));
	if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		return;
	four.sin_port = six.sin6_port;
	memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, 4);
	memcpy(&a->storage, &four, sizeof(four));
	a->length = sizeof(four);
}

int net_local_address(int fd, struct net_address *a)
{
	a->length = sizeof(a->storage);
	if (getsockname(fd, (struct sockaddr *)&a->storage, &a->length))
		return -errno;
	unmap(a);
	return 0;
}

int net_peer_address(int fd, struct net_address *a)
{
	a->length = sizeof(a->storage);
	if (getpeername(fd, (struct sockaddr *)&a->storage, &a->length))
		return -errno;
	unmap(a);
	return 0;
}

static int close_with(int fd, int error)
{
	close(fd);
	return -error;
}

void net_share_port(int fd, bool shares)
{
	int on = shares;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

int net_listen(const struct net_address *a, int backlog, bool shares)
{
	int one = 1, fd = socket(a->storage.ss_family,
				 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (net_address_is_ipv6(a))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	net_share_port(fd, shares);
	if (bind(fd, (const struct sockaddr *)&a->storage, a->length) ||
	    listen(fd, backlog))
		return close_with(fd, errno);
	net_share_port(fd, false);
	return fd;
}

/* ---- connecting ---------------------------------------------------------------------- */

static int explain(int failed, const char *host, const char *service, bool may_wait,
		   char *error, size_t error_size)
{
	const char *why = gai_strerror(failed);

	if (failed == EAI_NONAME && !may_wait)
		why = "not a numeric address and port, and looking a name up would wait";
	snprintf(error, error_size, "cannot find %s port %s: %s", host, service, why);
	return failed == EAI_MEMORY ? -ENOMEM : -EINVAL;
}

int net_resolve(const char *host, const char *service, bool may_wait,
		struct net_address *found, unsigned int room, char *error, size_t error_size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *first;
	unsigned int count = 0;
	int failed;

	if (!may_wait)
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	failed = getaddrinfo(host, service, &hints, &first);
	if (failed)
		return explain(failed, host, service, may_wait, error, error_size);
	for (struct addrinfo *ai = first; ai && count < room; ai = ai->ai_next) {
		memcpy(&found[count].storage, ai->ai_addr, ai->ai_addrlen);
		found[count++].length = ai->ai_addrlen;
	}
	freeaddrinfo(first);
	return (int)count;
}

int net_dial(const struct net_address *a)
{
	int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a->storage, a->length) && errno != EINPROGRESS)
		return close_with(fd, errno);
	return fd;
}

int net_dial_result(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0, n = poll(&p, 1, 0);

	if (n <= 0)
		return n && errno != EINTR ? -errno : -EINPROGRESS;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return -errno;
	return -error;
}
