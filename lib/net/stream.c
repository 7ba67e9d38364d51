/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <unistd.h>

/* A peer that is gone is noticed within about this time, even when nobody has
 * asked for NVMe keep alive. */
#define DEAD_PEER_SECONDS 60

static ssize_t socket_receive(struct net_stream *s, const struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			    .msg_iovlen = (size_t)count };
	int flags = s->waits_once ? 0 : MSG_DONTWAIT;
	ssize_t n;

	s->waits_once = false;
	do
		n = count == 1 ? recv(s->fd, iov->iov_base, iov->iov_len, flags) :
				 recvmsg(s->fd, &m, flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t socket_send(struct net_stream *s, const struct iovec *iov, int count)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			    .msg_iovlen = (size_t)count };
	ssize_t n;

	do
		n = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void socket_shutdown(struct net_stream *s)
{
	shutdown(s->fd, SHUT_WR);
}

static void socket_close(struct net_stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static const struct net_ops socket_ops = {
	.receive = socket_receive,
	.send = socket_send,
	.shutdown = socket_shutdown,
	.close = socket_close,
};

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

void net_stream_socket(struct net_stream *s, int fd)
{
	*s = (struct net_stream){ .ops = &socket_ops, .fd = fd };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, DEAD_PEER_SECONDS / 2);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, DEAD_PEER_SECONDS / 6);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_PEER_SECONDS * 1000);
}

void net_stream_patience(struct net_stream *s, unsigned int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}
