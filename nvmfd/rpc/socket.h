/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket file: made with its owner, group and mode before anybody can reach it,
 * held by a lock beside it, so that what a dead daemon left is taken over and a live
 * daemon's is not; and who it was that connected.
 */
#ifndef NVMFD_RPC_SOCKET_H
#define NVMFD_RPC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

struct rpc_socket {
	int fd, lock;			/* -1: none */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	gid_t group;			/* whose members may call; -1: nobody's */
};

/* /run/nvmfd.sock as root; else $XDG_RUNTIME_DIR/nvmfd.sock, or /tmp/nvmfd-UID.sock.
 * 0, or -ENAMETOOLONG. */
int rpc_socket_default_path(char *path, size_t size);

/* Listens, non-blocking.  group NULL: nobody but root and this user may call.  0, or
 * -errno with a sentence, and nothing is left. */
int rpc_socket_open(struct rpc_socket *, const char *path, const char *group, char *error,
		    size_t error_size);
/* Removes the file, and lets go of its lock. */
void rpc_socket_close(struct rpc_socket *);

/* The next connection, non-blocking; -EAGAIN: none; -errno. */
int rpc_socket_accept(const struct rpc_socket *);
/* Whether the peer is root, this user or a member of the group.  uid: who it is. */
bool rpc_socket_admits(const struct rpc_socket *, int fd, uid_t *uid);

#endif
