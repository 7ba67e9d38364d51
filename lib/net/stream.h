/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of bytes, and how one is come by: the only room that touches a
 * socket.  Nothing here waits, except where it says so.
 *
 * Results: 0 or a count; -errno.  -EAGAIN: not now; -EPIPE: the peer has ended.
 */
#ifndef NVMF_NET_STREAM_H
#define NVMF_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct net_stream;

struct net_ops {
	/* Bytes read; 0: the peer has ended its side; -EAGAIN; -errno. */
	ssize_t (*receive)(struct net_stream *, const struct iovec *, int count);
	/* Bytes taken; -EAGAIN; -errno. */
	ssize_t (*send)(struct net_stream *, const struct iovec *, int count);
	/* Ends the sending side in order. */
	void (*shutdown)(struct net_stream *);
	void (*close)(struct net_stream *);
};

struct net_stream {
	const struct net_ops *ops;
	int fd;				/* to poll; -1: closed */
	bool waits_once;		/* the next receive may wait: net_stream_patience */
};

/* Wraps a connected TCP socket, which becomes the stream's own: non-blocking,
 * no Nagle, TCP keep alive and user timeout set. */
void net_stream_socket(struct net_stream *, int fd);

/*
 * For a thread that has nothing else to do: a receive with waits_once set waits
 * for the first byte, so long at most, which saves the call of poll.  The flag is
 * cleared by it.
 */
void net_stream_patience(struct net_stream *, unsigned int ms);

#define NET_ADDRESS_TEXT 64		/* longest address text, with its NUL */

struct net_address {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* Parses a numeric address (IPv4, IPv6, with %zone) and a port; -EINVAL. */
int net_address_parse(struct net_address *, const char *text, uint16_t port);
void net_address_text(const struct net_address *, char text[NET_ADDRESS_TEXT]);
uint16_t net_address_port(const struct net_address *);
bool net_address_is_ipv6(const struct net_address *);
bool net_address_is_any(const struct net_address *);

/* The address that the peer came to; an IPv4 address mapped into IPv6 is given
 * as IPv4.  0 or -errno. */
int net_local_address(int fd, struct net_address *);
int net_peer_address(int fd, struct net_address *);

/* A listening socket, non-blocking; an IPv6 socket does not take IPv4.  Where it shares,
 * beside others of ours that do and have its port at an address that covers its own, or
 * is covered by it.  The descriptor or -errno. */
int net_listen(const struct net_address *, int backlog, bool shares);
void net_share_port(int fd, bool shares);

/*
 * The addresses of a host, at most `room`; how many, or -errno with a sentence in
 * `error`.  Unless it `may_wait` for a name server, host and service are numbers.
 */
int net_resolve(const char *host, const char *service, bool may_wait,
		struct net_address *found, unsigned int room, char *error, size_t error_size);

/* Begins to connect: a non-blocking socket, or -errno. */
int net_dial(const struct net_address *);
/* Once it can be written to: 0, connected; -errno; -EINPROGRESS before that. */
int net_dial_result(int fd);

#endif
