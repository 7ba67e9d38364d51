/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- texts --------------------------------------------------------------------------- */

static void assert_round_trip(const char *text, const char *back, bool is_ipv6, bool is_any)
{
	struct net_address a;
	char got[NET_ADDRESS_TEXT];

	assert_int_equal(net_address_parse(&a, text, 4420), 0);
	net_address_text(&a, got);
	assert_string_equal(got, back ? back : text);
	assert_int_equal(net_address_port(&a), 4420);
	assert_int_equal(net_address_is_ipv6(&a), is_ipv6);
	assert_int_equal(net_address_is_any(&a), is_any);
}

static void parse_and_text(void **state)
{
	assert_round_trip("127.0.0.1", NULL, false, false);
	assert_round_trip("0.0.0.0", NULL, false, true);
	assert_round_trip("255.255.255.255", NULL, false, false);
	assert_round_trip("::", NULL, true, true);
	assert_round_trip("::1", NULL, true, false);
	assert_round_trip("2001:DB8::0:1", "2001:db8::1", true, false);
	assert_round_trip("2001:db8:1111:2222:3333:4444:5555:6666", NULL, true, false);
	assert_round_trip("fe80::1%lo", NULL, true, false);
}

static void ports(void **state)
{
	static const uint16_t ports[] = { 0, 1, 4420, 65535 };

	for (size_t i = 0; i < 4; i++) {
		struct net_address a;

		assert_int_equal(net_address_parse(&a, "::1", ports[i]), 0);
		assert_int_equal(net_address_port(&a), ports[i]);
		assert_int_equal(net_address_parse(&a, "127.0.0.1", ports[i]), 0);
		assert_int_equal(net_address_port(&a), ports[i]);
	}
}

static void what_is_no_address(void **state)
{
	static const char *const texts[] = {
		"", " ", "localhost", "example.com", "127.0.0.1:4420", "[::1]", "256.0.0.1",
		"1.2.3.4.5", ":::", "::1%nosuchinterface", "127.0.0.1 ", "g::",
	};
	struct net_address a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (net_address_parse(&a, texts[i], 1) != -EINVAL)
			fail_msg("'%s' is taken for an address", texts[i]);
}

static void the_text_of_something_else(void **state)
{
	struct net_address a = { .length = 1 };
	char text[NET_ADDRESS_TEXT];

	net_address_text(&a, text);
	assert_string_equal(text, "?");
}

/* ---- listening and connecting ------------------------------------------------------------ */

static int listen_on(const char *text, uint16_t *port)
{
	struct net_address a;
	int fd;

	assert_int_equal(net_address_parse(&a, text, 0), 0);
	fd = net_listen(&a, 16, false);
	if (fd < 0)
		return fd;
	assert_int_equal(net_local_address(fd, &a), 0);
	*port = net_address_port(&a);
	assert_int_not_equal(*port, 0);
	return fd;
}

/* Connected within so long, or -errno. */
static int await(int fd, int timeout_ms)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int error = -ETIMEDOUT;

	if (poll(&p, 1, timeout_ms))
		error = net_dial_result(fd);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int connect_to(const char *host, uint16_t port)
{
	struct net_address a;
	char error[256], service[8];
	int fd;

	snprintf(service, sizeof(service), "%u", port);
	assert_int_equal(net_resolve(host, service, false, &a, 1, error, sizeof(error)), 1);
	fd = net_dial(&a);
	return fd < 0 ? fd : await(fd, 2000);
}

static void assert_flags(int fd)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void listen_connect_and_who_is_who(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };

	for (int i = 0; i < 2; i++) {
		struct net_address local, peer;
		char text[NET_ADDRESS_TEXT];
		uint16_t port;
		int fd = listen_on(hosts[i], &port), client, server;

		if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
			continue;	/* no IPv6 here */
		assert_true(fd >= 0);
		assert_flags(fd);
		client = connect_to(hosts[i], port);
		assert_true(client >= 0);
		assert_flags(client);
		server = accept(fd, NULL, NULL);
		assert_true(server >= 0);
		assert_int_equal(net_local_address(server, &local), 0);
		assert_int_equal(net_peer_address(client, &peer), 0);
		assert_int_equal(net_address_port(&local), port);
		assert_int_equal(net_address_port(&peer), port);
		net_address_text(&local, text);
		assert_string_equal(text, hosts[i]);
		assert_int_equal(net_address_is_ipv6(&local), i);
		close(client);
		close(server);
		close(fd);
	}
}

/* One socket for both families: the host came by IPv4 and must be told so. */
static void an_ipv4_host_at_an_ipv6_socket(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	socklen_t length = sizeof(any);
	struct net_address a;
	char text[NET_ADDRESS_TEXT];
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0, client, server;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &length), 0);
	client = connect_to("127.0.0.1", ntohs(any.sin6_port));
	server = accept(fd, NULL, NULL);
	assert_true(client >= 0 && server >= 0);
	assert_int_equal(net_local_address(server, &a), 0);
	net_address_text(&a, text);
	assert_string_equal(text, "127.0.0.1");
	assert_false(net_address_is_ipv6(&a));
	assert_int_equal(net_address_port(&a), ntohs(any.sin6_port));
	assert_int_equal(net_peer_address(server, &a), 0);
	net_address_text(&a, text);
	assert_string_equal(text, "127.0.0.1");
	close(client);
	close(server);
	close(fd);
}

static void ipv4_and_ipv6_share_a_port(void **state)
{
	struct net_address a;
	uint16_t port;
	int four = listen_on("0.0.0.0", &port), six;

	assert_true(four >= 0);
	assert_int_equal(net_address_parse(&a, "::", port), 0);
	six = net_listen(&a, 1, false);
	assert_true(six >= 0 || six == -EAFNOSUPPORT);
	if (six >= 0)
		close(six);
	close(four);
}

static void a_port_in_use(void **state)
{
	struct net_address a;
	uint16_t port;
	int fd = listen_on("127.0.0.1", &port);

	assert_int_equal(net_address_parse(&a, "127.0.0.1", port), 0);
	assert_int_equal(net_listen(&a, 1, false), -EADDRINUSE);
	close(fd);
	/* And free again at once. */
	fd = net_listen(&a, 1, false);
	assert_true(fd >= 0);
	close(fd);
}

static void an_address_of_another_machine(void **state)
{
	struct net_address a;

	assert_int_equal(net_address_parse(&a, "192.0.2.1", 0), 0);
	assert_int_equal(net_listen(&a, 1, false), -EADDRNOTAVAIL);
}

static void nobody_listens(void **state)
{
	uint16_t port;
	int fd = listen_on("127.0.0.1", &port);

	close(fd);
	assert_int_equal(connect_to("127.0.0.1", port), -ECONNREFUSED);
}

static int resolve(const char *host, const char *service, bool may_wait, char error[256])
{
	struct net_address found[2];

	error[0] = '\0';
	return net_resolve(host, service, may_wait, found, 2, error, 256);
}

static void no_such_host_or_service(void **state)
{
	/* A label of 70 bytes: refused without asking a name server. */
	static const char host[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid";
	char error[256];

	assert_int_equal(resolve(host, "4420", true, error), -EINVAL);
	assert_non_null(strstr(error, "xx.invalid port 4420"));
	assert_int_equal(resolve("127.0.0.1", "nosuchservice", true, error), -EINVAL);
	assert_non_null(strstr(error, "nosuchservice"));
}

/* A name is not even looked up in /etc/hosts where nothing may wait. */
static void numbers_alone_without_waiting(void **state)
{
	char error[256];

	assert_int_equal(resolve("127.0.0.1", "4420", false, error), 1);
	assert_int_equal(resolve("::1", "4420", false, error), 1);
	assert_int_equal(resolve("localhost", "4420", false, error), -EINVAL);
	assert_non_null(strstr(error, "localhost port 4420: not a numeric address"));
	assert_int_equal(resolve("127.0.0.1", "http", false, error), -EINVAL);
}

/* A listener whose backlog is full drops what comes: nothing answers. */
static void nobody_answers(void **state)
{
	struct net_address a;
	int clients[64], count = 0, fd = 0, listener;

	assert_int_equal(net_address_parse(&a, "127.0.0.1", 0), 0);
	listener = net_listen(&a, 0, false);
	assert_true(listener >= 0);
	assert_int_equal(net_local_address(listener, &a), 0);
	while (count < 64) {
		fd = net_dial(&a);
		assert_true(fd >= 0);
		fd = await(fd, 200);
		if (fd < 0)
			break;
		clients[count++] = fd;
	}
	assert_int_equal(fd, -ETIMEDOUT);
	fd = net_dial(&a);
	assert_int_equal(net_dial_result(fd), -EINPROGRESS);
	close(fd);
	while (count)
		close(clients[--count]);
	close(listener);
}

static void not_a_socket(void **state)
{
	struct net_address a;

	assert_int_equal(net_local_address(-1, &a), -EBADF);
	assert_int_equal(net_peer_address(-1, &a), -EBADF);
}

/* ---- streams -------------------------------------------------------------------------------- */

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

struct pair {
	struct net_stream a, b;
};

static void open_pair(struct pair *p)
{
	uint16_t port;
	int fd = listen_on("127.0.0.1", &port), client = connect_to("127.0.0.1", port);
	int server = accept(fd, NULL, NULL);

	assert_true(client >= 0 && server >= 0);
	net_stream_socket(&p->a, client);
	net_stream_socket(&p->b, server);
	close(fd);
}

static void close_pair(struct pair *p)
{
	p->a.ops->close(&p->a);
	p->a.ops->close(&p->a);		/* twice is once */
	assert_int_equal(p->a.fd, -1);
	p->b.ops->close(&p->b);
}

static ssize_t receive(struct net_stream *s, void *bytes, size_t n)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct iovec iov = { bytes, n };

	poll(&p, 1, 1000);
	return s->ops->receive(s, &iov, 1);
}

static void options_of_a_stream(void **state)
{
	struct pair p;

	open_pair(&p);
	assert_flags(p.a.fd);
	assert_true(fcntl(p.b.fd, F_GETFL) & O_NONBLOCK);
	assert_true(option(p.b.fd, IPPROTO_TCP, TCP_NODELAY));
	assert_true(option(p.b.fd, SOL_SOCKET, SO_KEEPALIVE));
	assert_in_range(option(p.b.fd, IPPROTO_TCP, TCP_KEEPIDLE), 1, 60);
	assert_in_range(option(p.b.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1000, 120000);
	close_pair(&p);
}

static void sending_and_receiving(void **state)
{
	struct pair p;
	struct iovec out[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } }, in[2];
	char a[4], b[16];
	struct pollfd poll_b;

	open_pair(&p);
	in[0] = (struct iovec){ a, sizeof(a) };
	in[1] = (struct iovec){ b, sizeof(b) };
	assert_int_equal(p.b.ops->receive(&p.b, in, 2), -EAGAIN);
	assert_int_equal(p.b.ops->receive(&p.b, in, 1), -EAGAIN);
	assert_int_equal(p.a.ops->send(&p.a, out, 3), 11);
	poll_b = (struct pollfd){ .fd = p.b.fd, .events = POLLIN };
	assert_int_equal(poll(&poll_b, 1, 1000), 1);
	assert_int_equal(p.b.ops->receive(&p.b, in, 2), 11);
	assert_memory_equal(a, "onet", 4);
	assert_memory_equal(b, "wothree", 7);
	close_pair(&p);
}

static void a_full_socket_and_an_orderly_end(void **state)
{
	struct pair p;
	size_t n = 1 << 20, sent = 0, got = 0;
	char *bytes = calloc(1, n);
	struct iovec iov = { bytes, n };
	ssize_t r;

	open_pair(&p);
	while ((r = p.a.ops->send(&p.a, &iov, 1)) > 0)
		sent += (size_t)r;
	assert_int_equal(r, -EAGAIN);
	p.a.ops->shutdown(&p.a);
	while ((r = receive(&p.b, bytes, n)) > 0)
		got += (size_t)r;
	assert_int_equal(r, 0);
	assert_int_equal(got, sent);
	assert_int_equal(p.a.ops->send(&p.a, &iov, 1), -EPIPE);
	/* The other way still works. */
	iov.iov_len = 5;
	assert_int_equal(p.b.ops->send(&p.b, &iov, 1), 5);
	assert_int_equal(receive(&p.a, bytes, n), 5);
	free(bytes);
	close_pair(&p);
}

static void a_reset(void **state)
{
	struct linger none = { .l_onoff = 1 };
	struct pair p;
	char c;

	open_pair(&p);
	setsockopt(p.a.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	p.a.ops->close(&p.a);
	assert_int_equal(receive(&p.b, &c, 1), -ECONNRESET);
	p.b.ops->close(&p.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_text),
		cmocka_unit_test(ports),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(the_text_of_something_else),
		cmocka_unit_test(listen_connect_and_who_is_who),
		cmocka_unit_test(an_ipv4_host_at_an_ipv6_socket),
		cmocka_unit_test(ipv4_and_ipv6_share_a_port),
		cmocka_unit_test(a_port_in_use),
		cmocka_unit_test(an_address_of_another_machine),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(no_such_host_or_service),
		cmocka_unit_test(numbers_alone_without_waiting),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(not_a_socket),
		cmocka_unit_test(options_of_a_stream),
		cmocka_unit_test(sending_and_receiving),
		cmocka_unit_test(a_full_socket_and_an_orderly_end),
		cmocka_unit_test(a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
