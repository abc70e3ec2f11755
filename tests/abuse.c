/* SPDX-License-Identifier: MIT */
/*
 * abuse: attacks a server, and watches what a normal scraper sees of it meanwhile.
 *
 * usage: abuse CONNECTIONS SECONDS [ATTACK…]
 *
 * Each attack (all of them, unless some are named) lasts so long and has so many connections,
 * or ten times as many a second where connecting is the attack. It has a daemon of its own,
 * a forked process whose server has the default limits, or fewer places with a sanitizer. Meanwhile a
 * scraper asks for a page, again and again, once on a new connection and once on one that is kept
 * alive. Each attack prints a line of figures.
 *
 * What must hold
 *  A1  Each scrape gives the whole right page within LIMIT_MS, or 503 with Retry-After within it, but that
 *      only where the attack asks for pages, and less often than the page. A connection found closed is
 *      made anew, as Go does.
 *  A2  When the attack is over, the next scrape has its page at once.
 *  A3  The daemon's resident memory grows by no more than GROWTH_KIB.
 *  A4  Then it has the threads and descriptors that it had before, and ends well when told.
 *  A5  Where there is nothing it can do, it takes no time: 20 ms at most of a second without descriptors.
 *  A6  "stop" is about this process: a server is stopped under all the attacks at once, and started at the
 *      same port. It takes its deadline at the most, and leaves no thread, no descriptor and no block of the heap.
 *
 * ABUSE_MS is another LIMIT_MS, for who runs it under valgrind.
 */
#define _GNU_SOURCE 1
#include "atomic.h"
#include "long_run.h"

#include <arpa/inet.h>
#include <cprom.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
#define LIMIT_MS 5000
#define PLACES 64           /* of the server: so fewer attackers fill it */
#define GROWTH_KIB LONG_MAX /* a sanitizer's own memory is resident, too */
#else
#define LIMIT_MS 1000
#define PLACES 0         /* the default */
#define GROWTH_KIB 16384 /* 256 connections of 9 KiB, 16 pages of 64 to 120; and the heap's own */
#endif

#define HOST "Host: a\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST
#define FEW "/metrics?name[]=few_total"
#define GIVE_UP_MS 20000 /* for one scrape, and for all that an attack has to see */
#define LEAST_PAGES 5    /* before an attack ends */
#define PAUSE_US 10000   /* between two */
#define HOSTS 8          /* of the attackers; the scraper has one of its own */
#define FEW_FILES 128    /* descriptors of a daemon that has few */
#define STOP_MS 100      /* what a server is given to stop */
#define LONG 3           /* seconds from which on it is not the bounded version */

static int failures;
static unsigned connections = 1000;
static double seconds = 5, limit_ms = LIMIT_MS;
static in_addr_t server_host = INADDR_LOOPBACK;

__attribute__((format(printf, 1, 2))) static void
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL: ");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	failures++;
}

static void
die(const char *what)
{
	printf("FAIL: %s: %s (%s)\n", what, strerror(errno), cprom_error());
	exit(1);
}

static double
now_ms(void)
{
	return elapsed() * 1000;
}

/* ---- pages ---------------------------------------------------------------- */

/* Two families: "few", a page of some KiB, and "many" of at least so many bytes. */
static cprom_registry *
make_registry(size_t bytes)
{
	static char value[1001];
	size_t series = bytes / sizeof(value);
	cprom_registry *r = cprom_registry_new(.max_series = series + 200,
					       .max_bytes = (size_t)4 << 30);
	cprom_counter *few = cprom_counter_new("few_total", "Few.", .registry = r,
					       .labels = CPROM_LABELS("n"));
	cprom_counter *many = cprom_counter_new("many_total", "Many.", .registry = r,
						.max_series = series + 1,
						.labels = CPROM_LABELS("n"));

	memset(value, 'x', sizeof(value) - 1);
	for (size_t i = 0; i < 100 + series; i++) {
		char *n = value + (i < 100 ? sizeof(value) - 9 : 0);

		value[snprintf(n, 9, "%08zu", i)] = 'x';
		cprom_counter_add(cprom_labels(i < 100 ? few : many, i < 100 ? n : value),
				  (double)i + 1);
	}
	if (few == NULL || many == NULL)
		die("no registry");
	return r;
}

struct page {
	const char *request; /* without the end of its head */
	char *text;
	size_t length;
};

/* What the request has to be answered with. */
static struct page
make_page(cprom_registry *r, const char *request)
{
	static const char *const names[] = {"few_total"};
	bool few = strstr(request, "name[]") != NULL;
	cprom_scrape *s = cprom_scrape_open_with(
		&(cprom_scrape_options){.size = sizeof(cprom_scrape_options),
					.registry = r,
					.names = {names, few ? 1 : 0}});
	struct page p = {.request = request};
	ssize_t n;

	do {
		p.text = realloc(p.text, p.length + 65536);
		n = p.text == NULL ? -1 : cprom_scrape_read(s, p.text + p.length, 65536);
		p.length += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0)
		die("no page");
	cprom_scrape_close(s);
	return p;
}

/* ---- sockets -------------------------------------------------------------- */

/* Many addresses, lest the ports run out on which connections have ended a minute ago. */
static int
connect_from(unsigned host, int port, int buffers)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr = {htonl(server_host)}};
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr = {htonl(INADDR_LOOPBACK + host)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (buffers > 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffers, sizeof(buffers));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffers, sizeof(buffers));
	}
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
	    (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS))
		return fd;
	close(fd);
	return -1;
}

static void
reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* ---- the normal scraper --------------------------------------------------- */

struct scraper {
	pthread_t thread;
	int port;
	struct page page;
	bool may_be_refused;
	atomic_u32 *stop;
	char *bytes; /* of an answer */
	size_t cap, n;
	atomic_u32 pages;
	unsigned refused, renewed;
	double slowest; /* ms */
	char wrong[160];
};

enum verdict { PAGE, REFUSED, CLOSED, WRONG };

static enum verdict
wrong(struct scraper *s, const char *why)
{
	if (s->wrong[0] == '\0')
		snprintf(s->wrong, sizeof(s->wrong), "%s after %zu bytes: %.60s", why, s->n,
			 s->n > 0 ? s->bytes : "");
	return WRONG;
}

/* Is the body, chunks or not, the page? */
static bool
is_page(const struct scraper *s, const char *body)
{
	const char *end = s->bytes + s->n, *expected = s->page.text;
	size_t left = s->page.length;

	if (memmem(s->bytes, (size_t)(body - s->bytes), "chunked", 7) == NULL)
		return (size_t)(end - body) == left && memcmp(body, expected, left) == 0;
	while (left > 0) {
		char *line;
		size_t n = strtoul(body, &line, 16);

		if (n == 0 || n > left || line + 2 + n + 2 > end ||
		    memcmp(line + 2, expected, n) != 0)
			return false;
		body = line + 2 + n + 2;
		expected += n;
		left -= n;
	}
	return end - body == 5;
}

/* Is all of the answer there? body: where it begins. */
static bool
is_complete(const struct scraper *s, const char **body)
{
	const char *end = s->n > 0 ? memmem(s->bytes, s->n, "\r\n\r\n", 4) : NULL;
	const char *length;

	if (end == NULL)
		return false;
	*body = end + 4;
	length = memmem(s->bytes, (size_t)(*body - s->bytes), "Content-Length: ", 16);
	if (length != NULL)
		return s->n >= (size_t)(*body - s->bytes) + strtoul(length + 16, NULL, 10);
	return memcmp(s->bytes + s->n - 7, "\r\n0\r\n\r\n", 7) == 0;
}

/* Reads one answer. */
static enum verdict
hear(struct scraper *s, int fd, double end)
{
	const char *body = NULL;

	for (s->n = 0; !is_complete(s, &body);) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, (int)(end - now_ms()) + 1) <= 0)
			return wrong(s, "no answer in time");
		if (s->cap - s->n < 65536)
			s->bytes = realloc(s->bytes, s->cap = s->cap * 2 + 131072);
		n = recv(fd, s->bytes + s->n, s->cap - s->n - 1, 0);
		if (n <= 0)
			return s->n == 0 ? CLOSED : wrong(s, "the answer was cut off");
		s->n += (size_t)n;
		s->bytes[s->n] = '\0';
	}
	if (strncmp(s->bytes, "HTTP/1.1 200 ", 13) == 0)
		return is_page(s, body) ? PAGE : wrong(s, "not the page");
	if (strncmp(s->bytes, "HTTP/1.1 503 ", 13) == 0 && s->may_be_refused &&
	    strstr(s->bytes, "\r\nRetry-After: 1\r\n") != NULL)
		return REFUSED;
	return wrong(s, "not the answer");
}

/* One request on *fd, on a new connection if that is -1. */
static enum verdict
ask(struct scraper *s, int *fd, const char *close_or_not, double end)
{
	char request[256];
	int n = snprintf(request, sizeof(request), "%s%s\r\n", s->page.request, close_or_not);
	struct pollfd p = {.events = POLLOUT};

	if (*fd < 0)
		*fd = connect_from(0, s->port, 0);
	p.fd = *fd;
	if (*fd < 0 || poll(&p, 1, (int)(end - now_ms()) + 1) <= 0)
		return wrong(s, "no connection");
	if (send(*fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		return CLOSED;
	return hear(s, *fd, end);
}

/*
 * A scrape as Go does it: a connection that is found closed before anything came is made anew, if it had
 * served before.
 */
static enum verdict
scrape(struct scraper *s, int *fd, const char *close_or_not)
{
	bool used = *fd >= 0;
	double begin = now_ms(), end = begin + GIVE_UP_MS, took;
	enum verdict v = ask(s, fd, close_or_not, end);

	if (v == CLOSED && used) {
		close(*fd);
		*fd = -1;
		s->renewed++;
		v = ask(s, fd, close_or_not, end);
	}
	took = now_ms() - begin;
	if (took > s->slowest)
		s->slowest = took;
	add_relaxed(&s->pages, v == PAGE);
	s->refused += v == REFUSED;
	if (v == CLOSED)
		wrong(s, "the connection was closed");
	if (v != PAGE && v != REFUSED && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return v;
}

/* Once on a new connection. */
static enum verdict
scrape_anew(struct scraper *s)
{
	int fd = -1;
	enum verdict v = scrape(s, &fd, "Connection: close\r\n");

	if (fd >= 0)
		close(fd);
	return v;
}

static void *
scrape_on(void *arg)
{
	struct scraper *s = arg;
	int kept = -1;

	while (load_acquire(s->stop) == 0) {
		scrape_anew(s);
		scrape(s, &kept, "");
		pause_us(PAUSE_US);
	}
	if (kept >= 0)
		close(kept);
	return NULL;
}

/* ---- the daemon ----------------------------------------------------------- */

struct state {
	long rss, peak; /* KiB */
	int files, threads;
	double cpu; /* s */
};

static int
count_entries(pid_t pid, const char *what)
{
	char path[64];
	DIR *d;
	int n = -2; /* "." and ".." */

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	d = opendir(path);
	if (d == NULL)
		die(path);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static long
status_kib(pid_t pid, const char *name)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 10);
	if (f != NULL)
		fclose(f);
	return value;
}

static double
cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		die("no clock of the daemon");
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct state
look_at(pid_t pid)
{
	return (struct state){.rss = status_kib(pid, "VmRSS:"),
			      .peak = status_kib(pid, "VmHWM:"),
			      .files = count_entries(pid, "fd"),
			      .threads = count_entries(pid, "task"),
			      .cpu = cpu_of(pid)};
}

static void
forget_peak(pid_t pid)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)pid);
	f = fopen(path, "w");
	if (f == NULL || fputs("5", f) < 0 || fclose(f) != 0)
		die(path);
}

/* Serves until control ends; 'x' takes all descriptors that there are, 'r' gives them back. */
static void
be_daemon(cprom_registry *r, unsigned max_files, int control)
{
	struct rlimit limit = {max_files, max_files};
	int taken[FEW_FILES], n = 0, port;
	cprom_server *s;
	char command;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (max_files != 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	s = cprom_server_start("127.0.0.1:0", .registry = r, .max_connections = PLACES);
	if (s == NULL)
		die("no server");
	port = cprom_server_port(s);
	if (write(control, &port, sizeof(port)) != sizeof(port))
		die("no parent");
	while (read(control, &command, 1) == 1) {
		while (command == 'x' && n < FEW_FILES && (taken[n] = dup(control)) >= 0)
			n++;
		while (command == 'r' && n > 0)
			close(taken[--n]);
		if (write(control, &command, 1) != 1)
			break;
	}
	cprom_server_stop(s);
	exit(0);
}

static void
command(int control, char what)
{
	if (write(control, &what, 1) != 1 || read(control, &what, 1) != 1)
		die("the daemon does not answer");
}

static pid_t
start_daemon(cprom_registry *r, unsigned max_files, int *port, int *control)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(ends[0]);
		be_daemon(r, max_files, ends[1]);
	}
	close(ends[1]);
	*control = ends[0];
	if (read(ends[0], port, sizeof(*port)) != sizeof(*port))
		die("no daemon");
	return pid;
}

/* It closes what attackers left as soon as it sees it. */
static struct state
settle(pid_t pid, const struct state *before)
{
	double end = now_ms() + limit_ms;
	struct state s;

	do {
		pause_us(5000);
		s = look_at(pid);
	} while (now_ms() < end && (s.files != before->files || s.threads != before->threads));
	return s;
}

/* ---- the attackers -------------------------------------------------------- */

/* What an attacker does next, or in how many milliseconds it acts; WAIT: when it has said before. */
#define NEVER 1e18
#define WAIT (-1)
#define HANG_UP (-2)
#define RESET (-3)

#define GONE (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define HEARD (EPOLLIN | GONE)

struct bot {
	unsigned id, calls; /* connections that it has made */
	int fd;             /* -1: none */
	bool spoke;
	double due; /* when it acts, unless something happens before */
	int status; /* of the answer; 0: none yet */
	char tail[5];
	uint64_t chance;
};

static struct {
	int epoll, port;
	struct bot *bots;
	char tail[5]; /* of a page with a length */
	unsigned dials, dropped, whole, refused, cut, unanswered;
} crowd;

struct attack {
	const char *name;
	size_t page;         /* bytes of it, for each connection; 0: a small one */
	bool few, refuses;   /* the scraper asks for few of them; pages may be refused */
	unsigned per_second; /* dials, for each connection; 0: one */
	int again_ms;        /* until one that was dropped comes back */
	int buffers;         /* bytes; 0: as the system likes */
	bool reads;          /* sees for itself when the server hangs up */
	int (*act)(struct bot *b, uint32_t events);
	unsigned files; /* descriptors that the daemon may have; 0: enough */
	void (*after)(struct scraper *s, pid_t daemon, int control);
};

static void
say(struct bot *b, const char *text)
{
	send(b->fd, text, strlen(text), MSG_NOSIGNAL); /* if it fails, an event follows */
}

/* Takes note of how an answer begins and ends. */
static void
note_answer(struct bot *b, const char *bytes, size_t n)
{
	size_t last = n < sizeof(b->tail) ? n : sizeof(b->tail);

	if (b->status == 0) {
		b->status = atoi(bytes + 9);
		if (b->status == 503 && strstr(bytes, "\r\nRetry-After: 1\r\n") == NULL)
			complain("503 without Retry-After");
	}
	memmove(b->tail, b->tail + last, sizeof(b->tail) - last);
	memcpy(b->tail + sizeof(b->tail) - last, bytes + n - last, last);
}

/* Reads some more, not all, for others want to read, too; HANG_UP at the end, and then the answer counts. */
static int
read_answer(struct bot *b)
{
	static char bytes[65536];
	ssize_t n = recv(b->fd, bytes, sizeof(bytes) - 1, 0);

	if (n > 0) {
		bytes[n] = '\0';
		note_answer(b, bytes, (size_t)n);
		return 0;
	}
	if (n < 0 && errno == EAGAIN)
		return WAIT;
	if (b->status == 503)
		crowd.refused++;
	else if (n == 0 && b->status == 200 &&
		 (memcmp(b->tail, "0\r\n\r\n", 5) == 0 || memcmp(b->tail, crowd.tail, 5) == 0))
		crowd.whole++;
	else if (b->status == 0)
		crowd.unanswered++;
	else
		crowd.cut++;
	return HANG_UP;
}

/* Half of them say nothing, half ask once and keep the connection. */
static int
idle(struct bot *b, uint32_t events)
{
	(void)events;
	if (!b->spoke && b->id % 2 != 0)
		say(b, GET("/-/healthy") "\r\n");
	return WAIT;
}

static int
slowloris(struct bot *b, uint32_t events)
{
	if (b->spoke && events != 0)
		return WAIT;
	say(b, b->spoke ? "x" : GET("/metrics") "X: ");
	return seconds >= LONG ? 1000 : 250;
}

/* Half of them ask for the page, half for so many short ones that they fill the socket; none reads. */
static int
stalled(struct bot *b, uint32_t events)
{
	static const char one[] = GET("/") "\r\n";
	static char many[1000 * (sizeof(one) - 1)];

	(void)events;
	if (b->id % 2 == 0) {
		if (!b->spoke)
			say(b, GET("/metrics") "\r\n");
		return WAIT;
	}
	if (many[0] == '\0')
		for (size_t at = 0; at < sizeof(many); at += sizeof(one) - 1)
			memcpy(many + at, one, sizeof(one) - 1);
	while (send(b->fd, many, sizeof(many), MSG_NOSIGNAL) > 0)
		;
	return WAIT;
}

/* Each takes a little of its page at a time, and looks as if it went on. */
static int
trickle(struct bot *b, uint32_t events)
{
	char bytes[1024];

	if (!b->spoke)
		say(b, GET("/metrics") "\r\n");
	else if (recv(b->fd, bytes, sizeof(bytes), 0) == 0 || (events & GONE) != 0)
		return HANG_UP;
	return 50;
}

static int
connects(struct bot *b, uint32_t events)
{
	(void)b;
	(void)events;
	return HANG_UP;
}

/* Ends its half before, in the middle of and after a request; in the end it reads, or it does not. */
static int
half(struct bot *b, uint32_t events)
{
	static const char *const requests[] = {"", GET("/metrics"), GET("/metrics") "\r\n",
					       GET("/metrics") "\r\n"};
	unsigned kind = b->calls % 4;

	if (!b->spoke) {
		say(b, requests[kind]);
		shutdown(b->fd, SHUT_WR);
		return kind == 3 ? 50 : WAIT;
	}
	if (kind == 2)
		return read_answer(b);
	return (kind == 3 ? events == 0 : (events & HEARD) != 0) ? HANG_UP : WAIT;
}

/* Resets in the middle of a head, a body, an answer, or at once. */
static int
resets(struct bot *b, uint32_t events)
{
	static const char *const requests[] = {
		"", GET("/metrics") "X: ", GET("/metrics") "Content-Length: 9000\r\n\r\nabc",
		GET("/metrics") "\r\n"};
	unsigned kind = b->calls % 4;

	if (!b->spoke && kind != 0) {
		say(b, requests[kind]);
		return kind == 3 ? WAIT : 5;
	}
	if (kind == 0)
		return RESET;
	return (events & HEARD) != 0 || (kind != 3 && events == 0) ? RESET : WAIT;
}

static int
scrapes(struct bot *b, uint32_t events)
{
	(void)events;
	if (b->spoke)
		return read_answer(b);
	say(b, GET("/metrics") "Connection: close\r\n\r\n");
	return WAIT;
}

/* Bytes by chance, or a request with some of them changed. */
static int
garbage(struct bot *b, uint32_t events)
{
	static const char good[] = "POST /metrics?name[]=few_total HTTP/1.1\r\n" HOST
				   "Accept: text/plain;q=0.5, */*\r\nAccept-Encoding: "
				   "gzip\r\nTransfer-Encoding: chunked\r\n"
				   "\r\n5\r\nhello\r\n0\r\n\r\n" GET("/%6detrics") "\r\n" GET(
					   "/") "Content-Length: 3\r\n\r\nabc";
	size_t n = sizeof(good) - 1, changes = next_random(&b->chance) % 8;
	char bytes[4000];

	if (b->spoke)
		return (events & GONE) != 0 || events == 0 ? HANG_UP : WAIT;
	memcpy(bytes, good, n);
	for (size_t i = 0; i < changes; i++)
		bytes[next_random(&b->chance) % n] = (char)next_random(&b->chance);
	if (changes == 0)
		for (n = 0; n == 0 || (n < sizeof(bytes) && next_random(&b->chance) % 1000 != 0);
		     n++)
			bytes[n] = (char)next_random(&b->chance);
	send(b->fd, bytes, n, MSG_NOSIGNAL);
	if (next_random(&b->chance) % 2 == 0)
		shutdown(b->fd, SHUT_WR);
	return 20;
}

/* Has the daemon no descriptors, it waits for one, and takes no time. */
static void
run_out_of_files(struct scraper *s, pid_t daemon, int control)
{
	struct pollfd p = {.events = POLLIN};
	double cpu, took;

	command(control, 'x');
	cpu = cpu_of(daemon);
	p.fd = connect_from(0, s->port, 0);
	if (dprintf(p.fd, "%s\r\n", s->page.request) < 0)
		complain("emfile: no connection to a daemon without descriptors");
	if (poll(&p, 1, 1000) != 0)
		complain("emfile: an answer of a daemon without descriptors");
	cpu = cpu_of(daemon) - cpu;
	took = now_ms();
	command(control, 'r');
	if (hear(s, p.fd, took + GIVE_UP_MS) != PAGE)
		complain("emfile: no page once there are descriptors");
	took = now_ms() - took;
	close(p.fd);
	printf("emfile: a second without: CPU %.3f s; then the page within %.0f ms\n", cpu, took);
	if (cpu > 0.02 || took > limit_ms)
		complain("emfile: too much");
}

static const struct attack attacks[] = {
	{.name = "idle", .again_ms = 1000, .act = idle},
	{.name = "slowloris", .again_ms = 1000, .act = slowloris},
	{.name = "stalled",
	 .page = 100000,
	 .few = true,
	 .refuses = true,
	 .again_ms = 1000,
	 .buffers = 4096,
	 .act = stalled},
	{.name = "trickle",
	 .page = 1000,
	 .few = true,
	 .refuses = true,
	 .buffers = 4096,
	 .reads = true,
	 .act = trickle},
	{.name = "connects", .per_second = 10, .act = connects},
	{.name = "half",
	 .page = 1000,
	 .refuses = true,
	 .per_second = 2,
	 .reads = true,
	 .act = half},
	{.name = "reset",
	 .page = 1000,
	 .refuses = true,
	 .per_second = 2,
	 .reads = true,
	 .act = resets},
	{.name = "scrapes",
	 .page = 1000,
	 .refuses = true,
	 .per_second = 10,
	 .reads = true,
	 .act = scrapes},
	{.name = "garbage", .per_second = 2, .reads = true, .act = garbage},
	{.name = "emfile",
	 .again_ms = 1000,
	 .act = idle,
	 .files = FEW_FILES,
	 .after = run_out_of_files},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))
#define MIXED (ATTACKS - 1) /* all but "emfile", which is "idle" here */

/* ---- the crowd of them ----------------------------------------------------- */

/* Of a crowd that does everything at once, each has its own. */
static const struct attack *
kind_of(const struct attack *a, const struct bot *b)
{
	return a->act != NULL ? a : &attacks[b->id % MIXED];
}

static void
hang_up(struct bot *b, int how, double due)
{
	if (how == RESET)
		reset(b->fd);
	else
		close(b->fd);
	b->fd = -1;
	b->due = due;
}

static void
act(const struct attack *a, struct bot *b, uint32_t events)
{
	int next;

	a = kind_of(a, b);
	if ((events & GONE) != 0 && !a->reads) {
		crowd.dropped++;
		hang_up(b, HANG_UP, now_ms() + a->again_ms);
		return;
	}
	next = a->act(b, events);
	b->spoke = true;
	if (next == HANG_UP || next == RESET)
		hang_up(b, next, now_ms());
	else if (next != WAIT)
		b->due = now_ms() + next;
	else if (events == 0)
		b->due = NEVER;
}

static void
dial(const struct attack *a, struct bot *b)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = b};

	b->fd = connect_from(1 + b->id % HOSTS, crowd.port, kind_of(a, b)->buffers);
	b->due = now_ms() + 10;
	if (b->fd < 0)
		return;
	crowd.dials++;
	b->calls++;
	b->spoke = false;
	b->status = 0;
	b->due = NEVER;
	if (epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, b->fd, &e) < 0)
		die("epoll");
	if (poll(&(struct pollfd){.fd = b->fd, .events = POLLOUT}, 1, 0) == 1)
		act(a, b, EPOLLOUT); /* without a round of all the others before */
}

/* Lets them act, for a moment; no more than so many have dialled then since the beginning. */
static void
run_crowd(const struct attack *a, double most)
{
	struct epoll_event events[256];
	int n = epoll_wait(crowd.epoll, events, 256, 1);

	for (int i = 0; i < n; i++)
		act(a, events[i].data.ptr, events[i].events);
	for (unsigned i = 0; i < connections; i++) {
		struct bot *b = &crowd.bots[i];

		if (b->due > now_ms())
			continue;
		if (b->fd >= 0)
			act(a, b, 0);
		else if (crowd.dials < most)
			dial(a, b);
	}
}

static void
gather_crowd(int port)
{
	struct bot *bots = calloc(connections, sizeof(*bots));

	memset(&crowd, 0, sizeof(crowd));
	crowd.port = port;
	crowd.bots = bots;
	crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (bots == NULL || crowd.epoll < 0)
		die("no attackers");
	for (unsigned i = 0; i < connections; i++)
		bots[i] = (struct bot){.id = i, .calls = i, .fd = -1, .chance = i + 1};
}

/* All of them at the beginning, if connecting is not the attack; longer where the machine is slow. */
static void
attack_for(const struct attack *a, const struct scraper *s)
{
	double begin = now_ms(), end = begin + seconds * 1000;
	double first = a->per_second > 0 ? 0 : connections;

	while (now_ms() < end ||
	       (load_relaxed(&s->pages) < LEAST_PAGES && now_ms() < end + GIVE_UP_MS))
		run_crowd(a, first + (a->per_second > 0 ? a->per_second : 1) * connections *
					     (now_ms() - begin) / 1000);
}

static void
dismiss_crowd(void)
{
	for (unsigned i = 0; i < connections; i++)
		if (crowd.bots[i].fd >= 0)
			close(crowd.bots[i].fd);
	close(crowd.epoll);
	free(crowd.bots);
}

/* ---- an attack ------------------------------------------------------------ */

static void
judge(const struct attack *a, const struct scraper *s, const struct state *before,
      const struct state *after)
{
	unsigned pages = load_relaxed(&s->pages);

	printf("%s: %u connections, %.1f s: %u dials, %u dropped; "
	       "answers: %u whole, %u 503, %u cut, %u none; scraper: slowest %.0f ms, %u pages, %u "
	       "503, %u renewed; ",
	       a->name, connections, seconds, crowd.dials, crowd.dropped, crowd.whole,
	       crowd.refused, crowd.cut, crowd.unanswered, s->slowest, pages, s->refused,
	       s->renewed);
	printf("RSS %ld, %ld, %ld KiB; CPU %.2f s; descriptors %d, %d; threads %d, %d\n",
	       before->rss, after->peak, after->rss, after->cpu - before->cpu, before->files,
	       after->files, before->threads, after->threads);
	if (s->wrong[0] != '\0')
		complain("%s: %s", a->name, s->wrong);
	if (s->slowest > limit_ms)
		complain("%s: a scrape took %.0f ms", a->name, s->slowest);
	if (pages < LEAST_PAGES || pages <= s->refused)
		complain("%s: no more than %u pages, %u refused", a->name, pages, s->refused);
	if (after->peak - before->rss > GROWTH_KIB)
		complain("%s: the memory grew", a->name);
	if (after->files != before->files || after->threads != before->threads)
		complain("%s: descriptors or threads are left", a->name);
}

static void
attack(const struct attack *a)
{
	cprom_registry *r = make_registry(a->page * connections);
	atomic_u32 stop = 0;
	struct scraper s = {.page = make_page(r, a->few ? GET(FEW) : GET("/metrics")),
			    .may_be_refused = a->refuses,
			    .stop = &stop};
	struct state before, after;
	int control, status;
	pid_t pid = start_daemon(r, a->files, &s.port, &control);

	before = look_at(pid);
	forget_peak(pid);
	scrape_anew(&s);
	gather_crowd(s.port);
	memcpy(crowd.tail, s.page.text + s.page.length - sizeof(crowd.tail), sizeof(crowd.tail));
	if (pthread_create(&s.thread, NULL, scrape_on, &s) != 0)
		die("no thread");
	attack_for(a, &s);
	store_release(&stop, 1);
	pthread_join(s.thread, NULL);
	dismiss_crowd();
	s.may_be_refused = false;
	scrape_anew(&s);
	after = settle(pid, &before);
	if (a->after != NULL)
		a->after(&s, pid, control);
	judge(a, &s, &before, &after);
	close(control);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		complain("%s: the daemon did not end well", a->name);
	free(s.bytes);
	free(s.page.text);
	cprom_registry_free(r);
}

/* ---- stopping ------------------------------------------------------------- */

/* Everything at once, from another process, until it is killed. */
static pid_t
start_mob(int port)
{
	static const struct attack everything = {.name = "everything"};
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	gather_crowd(port);
	for (;;)
		run_crowd(&everything, 1e18);
}

static size_t
heap_in_use(void)
{
#if defined(__GLIBC__) && !defined(SANITIZED)
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

/* Starts a server, lets it be attacked so long, and stops it: how many ms that took. */
static double
start_and_stop(struct scraper *s, cprom_registry *r, const char *address, long us)
{
	cprom_server *server = cprom_server_start(address, .registry = r,
						  .stop_timeout_ms = STOP_MS);
	double begin;

	if (server == NULL)
		die("stop: no server");
	s->port = cprom_server_port(server);
	scrape_anew(s);
	pause_us(us);
	begin = now_ms();
	cprom_server_stop(server);
	return now_ms() - begin;
}

static void
stop(void)
{
	cprom_registry *r = make_registry(20000000);
	struct scraper s = {.page = make_page(r, GET(FEW)), .may_be_refused = true};
	int rounds = seconds >= LONG ? 50 : 10;
	int files = count_entries(getpid(), "fd"), threads = count_entries(getpid(), "task");
	char address[32] =
		"127.0.0.200:0"; /* nobody else on this machine takes a port of it meanwhile */
	double slowest, took;
	size_t heap = 0, heap_after;
	pid_t mob;

	server_host = INADDR_LOOPBACK + 199;
	slowest = start_and_stop(&s, r, address, 0);
	mob = start_mob(s.port);
	snprintf(address, sizeof(address), "127.0.0.200:%d", s.port);
	for (int i = 0; i < rounds; i++) {
		if (i == 2)
			heap = heap_in_use();
		took = start_and_stop(&s, r, address, i % 5 * 10000);
		slowest = took > slowest ? took : slowest;
		if (count_entries(getpid(), "fd") != files ||
		    count_entries(getpid(), "task") != threads)
			complain("stop: descriptors or threads are left");
	}
	heap_after = heap_in_use(); /* before there is output, which takes some, too */
	printf("stop: %d times under %u connections: slowest %.0f ms (deadline %d); "
	       "heap %zu, %zu bytes; scraper: slowest %.0f ms, %u pages, %u 503\n",
	       rounds, connections, slowest, STOP_MS, heap, heap_after, s.slowest,
	       load_relaxed(&s.pages), s.refused);
	kill(mob, SIGKILL);
	waitpid(mob, NULL, 0);
	if (slowest > STOP_MS + limit_ms / 2)
		complain("stop: it took longer than it may");
	if (heap_after != heap)
		complain("stop: the heap is not what it was");
	if (s.wrong[0] != '\0')
		complain("stop: %s", s.wrong);
	server_host = INADDR_LOOPBACK;
	free(s.bytes);
	free(s.page.text);
	cprom_registry_free(r);
}

/* The attack of that name, or all; false if there is none. */
static bool
run(const char *name)
{
	bool known = false;

	for (size_t i = 0; i < ATTACKS; i++)
		if (name == NULL || strcmp(name, attacks[i].name) == 0) {
			attack(&attacks[i]);
			known = true;
		}
	if (name == NULL || strcmp(name, "stop") == 0) {
		stop();
		known = true;
	}
	return known;
}

int
main(int argc, char **argv)
{
	struct rlimit files;

	setvbuf(stdout, NULL, _IOLBF, 0);
	start_clock();
	if (argc > 1)
		connections = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seconds = strtod(argv[2], NULL);
	if (getenv("ABUSE_MS") != NULL)
		limit_ms = strtod(getenv("ABUSE_MS"), NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc <= 3)
		run(NULL);
	for (int i = 3; i < argc; i++)
		if (!run(argv[i]))
			complain("no such attack: %s", argv[i]);
	return failures != 0;
}
