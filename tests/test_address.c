/* SPDX-License-Identifier: MIT */
/*
 * Tests of address: what each form means, and the sockets that are made of it.
 */
#define _GNU_SOURCE 1
#include "address.h"

#include <arpa/inet.h>
#include <cprom.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
each_form_is_understood(void **state)
{
	struct address a;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_int_equal(cpromi_address_parse("127.0.0.1:9464", &a), 0);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.ways[0].family, AF_INET);
	assert_int_equal(ntohs(a.ways[0].at.in.sin_port), 9464);
	assert_int_equal(ntohl(a.ways[0].at.in.sin_addr.s_addr), INADDR_LOOPBACK);

	assert_int_equal(cpromi_address_parse("[2001:db8::1]:65535", &a), 0);
	assert_int_equal(a.count, 1);
	assert_false(a.dual);
	assert_int_equal(ntohs(a.ways[0].at.in6.sin6_port), 65535);
	assert_string_equal(inet_ntop(AF_INET6, &a.ways[0].at.in6.sin6_addr, text, sizeof(text)),
			    "2001:db8::1");

	assert_int_equal(cpromi_address_parse(":9464", &a), 0);
	assert_int_equal(a.count, 2);
	assert_true(a.dual);
	assert_int_equal(a.ways[0].family, AF_INET6);
	assert_int_equal(a.ways[1].at.in.sin_addr.s_addr, htonl(INADDR_ANY));

	assert_int_equal(cpromi_address_parse("localhost:0", &a), 0);
	assert_int_equal(a.count, 2);
	assert_false(a.dual);
	assert_int_equal(ntohl(a.ways[0].at.in.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(a.ways[1].family, AF_INET6);

	assert_int_equal(cpromi_address_parse("unix:/run/x", &a), 0);
	assert_string_equal(a.ways[0].at.un.sun_path, "/run/x");
	assert_int_equal(a.ways[0].n, offsetof(struct sockaddr_un, sun_path) + 7);

	assert_int_equal(cpromi_address_parse("unix:@x", &a), 0);
	assert_memory_equal(a.ways[0].at.un.sun_path, "\0x", 2);
	assert_int_equal(a.ways[0].n, offsetof(struct sockaddr_un, sun_path) + 2);

	assert_int_equal(cpromi_address_parse("fd:3", &a), 0);
	assert_int_equal(a.fd, 3);
	assert_int_equal(a.count, 0);
}

static void
anything_else_is_an_error_that_names_it(void **state)
{
	static const char *const texts[] = {
		"9464",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:-1",
		"127.0.0.1:65536",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.0.0.1:1 ",
		"127.0.0.1:99999999999999999999",
		"127.0.0:1",
		"127.0.0.1.1:1",
		"256.0.0.1:1",
		"::1:9464",
		"[::1]",
		"[::1:9464",
		"[]:1",
		"[::1]x:1",
		"[127.0.0.1]:1",
		"[::g]:1",
		"example.org:1",
		"LOCALHOST:1",
		"*:1",
		"0:1",
		"unix:",
		"unix:@",
		"fd:",
		"fd:-1",
		"fd:x",
		"fd:3x",
		"fd:99999999999",
		"[:1",
		"]:1",
		"http://127.0.0.1:1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct address a;

		errno = 0;
		if (cpromi_address_parse(texts[i], &a) != -1)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_int_equal(errno, EINVAL);
		assert_non_null(strstr(cprom_error(), texts[i]));
	}
}

static void
no_text_is_an_error(void **state)
{
	struct address a;

	(void)state;
	assert_int_equal(cpromi_address_parse(NULL, &a), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cpromi_address_parse("", &a), -1);
	assert_int_equal(errno, EINVAL);
}

static void
a_path_longer_than_a_socket_path_is_an_error(void **state)
{
	char text[5 + 108 + 1] = "unix:";
	struct address a;

	(void)state;
	memset(text + 5, 'x', 108);
	assert_int_equal(cpromi_address_parse(text, &a), -1);
	assert_int_equal(errno, EINVAL);
	text[5 + 107] = '\0';
	assert_int_equal(cpromi_address_parse(text, &a), 0);
}

static void
a_free_port_is_found_and_told(void **state)
{
	static const char *const texts[] = {"127.0.0.1:0", "localhost:0", ":0"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct listener l;

		assert_int_equal(cpromi_listener_open(texts[i], 0600, &l), 0);
		assert_in_range(cpromi_listener_port(&l), 1, 65535);
		assert_int_equal(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(l.fd, F_GETFL) & O_NONBLOCK);
		cpromi_listener_close(&l);
		assert_int_equal(l.fd, -1);
	}
}

static uint64_t
origin(const char *text)
{
	struct endpoint e = {.n = sizeof(e.at)};

	if (inet_pton(AF_INET, text, &e.at.in.sin_addr) == 1)
		e.at.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &e.at.in6.sin6_addr) == 1)
		e.at.any.sa_family = AF_INET6;
	else
		e.at.any.sa_family = AF_UNIX;
	return cpromi_endpoint_origin(&e);
}

static void
hosts_are_told_apart_but_not_by_what_they_may_choose(void **state)
{
	(void)state;
	assert_true(origin("192.0.2.1") != origin("192.0.2.2"));
	assert_true(origin("::ffff:192.0.2.1") == origin("192.0.2.1"));
	assert_true(origin("2001:db8:0:1::1") == origin("2001:db8:0:1:ffff::2"));
	assert_true(origin("2001:db8:0:1::1") != origin("2001:db8:0:2::1"));
	assert_true(origin("a Unix socket") == origin("another"));
}

static void
a_taken_port_is_an_error_that_names_the_address(void **state)
{
	struct listener l, second;
	char text[64];

	(void)state;
	assert_int_equal(cpromi_listener_open("127.0.0.1:0", 0600, &l), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", cpromi_listener_port(&l));
	assert_int_equal(cpromi_listener_open(text, 0600, &second), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(cprom_error(), text));
	cpromi_listener_close(&l);
	assert_int_equal(cpromi_listener_open(text, 0600, &second), 0);
	cpromi_listener_close(&second);
}

static void
a_foreign_host_is_an_error_that_names_the_address(void **state)
{
	struct listener l;

	(void)state;
	assert_int_equal(cpromi_listener_open("192.0.2.1:0", 0600, &l), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_non_null(strstr(cprom_error(), "192.0.2.1:0"));
}

/* ---- Unix sockets ---- */

static char directory[] = "/tmp/cprom_address_XXXXXX";
static char path[64];
static char address[80];

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void
a_socket_file_has_the_mode_asked_for_whatever_the_umask(void **state)
{
	mode_t before = umask(077);
	struct listener l;
	struct stat st;

	(void)state;
	assert_int_equal(cpromi_listener_open(address, 0666, &l), 0);
	assert_int_equal(umask(before), 077);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(cpromi_listener_port(&l), 0);
	cpromi_listener_close(&l);
	assert_int_equal(stat(path, &st), -1);
}

static void
a_dead_servers_file_is_replaced_and_a_living_ones_is_not(void **state)
{
	struct listener l, second;

	(void)state;
	assert_int_equal(cpromi_listener_open(address, 0600, &l), 0);
	assert_int_equal(cpromi_listener_open(address, 0600, &second), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(cprom_error(), address));
	assert_int_equal(access(path, F_OK), 0);
	cpromi_listener_abandon(&l);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(cpromi_listener_open(address, 0600, &second), 0);
	cpromi_listener_close(&second);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	struct listener l;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(cpromi_listener_open(address, 0600, &l), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(unlink(path), 0);
}

static void
a_file_that_somebody_else_put_there_is_not_removed(void **state)
{
	struct listener l, second;

	(void)state;
	assert_int_equal(cpromi_listener_open(address, 0600, &l), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cpromi_listener_open(address, 0600, &second), 0);
	cpromi_listener_close(&l);
	assert_int_equal(access(path, F_OK), 0);
	cpromi_listener_close(&second);
	assert_int_equal(access(path, F_OK), -1);
}

static void
an_abstract_name_is_taken_once(void **state)
{
	struct listener l, second;
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "unix:@cprom_test_%ld", (long)getpid());
	assert_int_equal(cpromi_listener_open(text, 0600, &l), 0);
	assert_int_equal(cpromi_listener_open(text, 0600, &second), -1);
	assert_int_equal(errno, EADDRINUSE);
	cpromi_listener_close(&l);
	assert_int_equal(cpromi_listener_open(text, 0600, &second), 0);
	cpromi_listener_close(&second);
}

/* ---- inherited descriptors ---- */

static int
open_fd(int fd, struct listener *l)
{
	char text[32];

	snprintf(text, sizeof(text), "fd:%d", fd);
	return cpromi_listener_open(text, 0600, l);
}

static void
only_a_listening_stream_socket_is_inherited(void **state)
{
	int stream = socket(AF_INET, SOCK_STREAM, 0);
	int datagram = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct listener l;

	(void)state;
	assert_int_equal(open_fd(1 << 20, &l), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(open_fd(datagram, &l), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(open_fd(stream, &l), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(bind(stream, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(stream, 5), 0);
	assert_int_equal(open_fd(stream, &l), 0);
	assert_int_equal(l.fd, stream);
	assert_true(fcntl(stream, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(stream, F_GETFD), FD_CLOEXEC);
	cpromi_listener_close(&l);
	assert_int_equal(fcntl(stream, F_GETFD), -1);
	close(datagram);
}

static void
an_inherited_socket_goes_on_listening_for_others(void **state)
{
	struct listener mine, l;
	int copy;
	int on = 0;
	socklen_t n = sizeof(on);

	(void)state;
	assert_int_equal(cpromi_listener_open("127.0.0.1:0", 0600, &mine), 0);
	copy = dup(mine.fd);
	assert_int_equal(open_fd(copy, &l), 0);
	cpromi_listener_close(&l);
	assert_int_equal(getsockopt(mine.fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n), 0);
	assert_int_equal(on, 1);
	cpromi_listener_close(&mine);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_understood),
		cmocka_unit_test(anything_else_is_an_error_that_names_it),
		cmocka_unit_test(no_text_is_an_error),
		cmocka_unit_test(a_path_longer_than_a_socket_path_is_an_error),
		cmocka_unit_test(a_free_port_is_found_and_told),
		cmocka_unit_test(hosts_are_told_apart_but_not_by_what_they_may_choose),
		cmocka_unit_test(a_taken_port_is_an_error_that_names_the_address),
		cmocka_unit_test(a_foreign_host_is_an_error_that_names_the_address),
		cmocka_unit_test(a_socket_file_has_the_mode_asked_for_whatever_the_umask),
		cmocka_unit_test(a_dead_servers_file_is_replaced_and_a_living_ones_is_not),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(a_file_that_somebody_else_put_there_is_not_removed),
		cmocka_unit_test(an_abstract_name_is_taken_once),
		cmocka_unit_test(only_a_listening_stream_socket_is_inherited),
		cmocka_unit_test(an_inherited_socket_goes_on_listening_for_others),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
