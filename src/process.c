/* SPDX-License-Identifier: MIT */
/*
 * process: the process_* metrics, from /proc/self and the system's accounting.
 *
 * Each number has one source, so that a counter cannot go down because a source
 * came or went; if that source does not tell, the metric is left out. Processor
 * time, page faults and context switches come from getrusage(2), not from
 * /proc/self/stat: the numbers are the same, but finer, those of all threads, and
 * to be had without /proc and without a free descriptor.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "process.h"

#include "atomic.h"
#include "platform.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- parsers ------------------------------------------------------------- */

struct span {
	const char *at;
	size_t length;
};

static bool
add_digit(uint64_t *value, char c)
{
	unsigned digit = (unsigned)(unsigned char)c - '0';

	if (digit > 9 || *value > (UINT64_MAX - digit) / 10)
		return false;
	*value = *value * 10 + digit;
	return true;
}

static bool
parse_u64(struct span s, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.length; i++)
		if (!add_digit(&value, s.at[i]))
			return false;
	if (s.length == 0)
		return false;
	*out = value;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Takes a word off the text. One that reaches the end of the text may be cut, so it is none. */
static bool
next_word(struct span *rest, struct span *word)
{
	size_t start = 0;
	size_t end;

	while (start < rest->length && is_blank(rest->at[start]))
		start++;
	end = start;
	while (end < rest->length && !is_blank(rest->at[end]))
		end++;
	if (end == rest->length)
		return false;
	*word = (struct span){rest->at + start, end - start};
	*rest = (struct span){rest->at + end, rest->length - end};
	return true;
}

/* A field by its number in proc(5); after_name begins with field 3. */
static bool
stat_field(struct span after_name, unsigned field, uint64_t *out)
{
	struct span word;

	for (unsigned i = 3; next_word(&after_name, &word); i++)
		if (i == field)
			return parse_u64(word, out);
	return false;
}

/* Where the name of the program ends: it may itself contain blanks and parentheses. */
static size_t
after_last_parenthesis(const char *text, size_t n)
{
	while (n > 0 && text[n - 1] != ')')
		n--;
	return n;
}

bool
cpromi_process_parse_stat(const char *text, size_t n, struct process_stat *out)
{
	size_t skip = after_last_parenthesis(text, n);
	struct span rest = {text + skip, n - skip};
	struct process_stat s;

	if (skip == 0 || !stat_field(rest, 20, &s.threads) ||
	    !stat_field(rest, 22, &s.start_ticks) || !stat_field(rest, 23, &s.virtual_bytes) ||
	    !stat_field(rest, 24, &s.resident_pages))
		return false;
	*out = s;
	return true;
}

/* The text behind "key:" if the line begins so. */
static bool
field_value(struct span line, const char *key, struct span *value)
{
	size_t n = strlen(key);

	if (line.length <= n || memcmp(line.at, key, n) != 0 || line.at[n] != ':')
		return false;
	*value = (struct span){line.at + n + 1, line.length - n - 1};
	while (value->length > 0 && is_blank(value->at[0]))
		*value = (struct span){value->at + 1, value->length - 1};
	return true;
}

bool
cpromi_process_parse_field(const char *text, size_t n, const char *key, uint64_t *out)
{
	struct span rest = {text, n};
	struct span value;
	const char *end;

	while (rest.length > 0 && (end = memchr(rest.at, '\n', rest.length)) != NULL) {
		struct span line = {rest.at, (size_t)(end - rest.at)};

		if (field_value(line, key, &value))
			return parse_u64(value, out);
		rest = (struct span){end + 1, rest.length - line.length - 1};
	}
	return false;
}

/* One byte of a line's inside. */
static void
scan_btime_byte(struct btime_scan *s, char c)
{
	static const char key[] = "btime ";

	if (s->skip)
		return;
	if (s->matched < sizeof(key) - 1) {
		s->skip = c != key[s->matched++];
		return;
	}
	s->digits++;
	s->skip = !add_digit(&s->seconds, c);
}

bool
cpromi_process_scan_btime(struct btime_scan *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n') {
			scan_btime_byte(s, text[i]);
			continue;
		}
		if (s->digits > 0 && !s->skip)
			return true;
		*s = (struct btime_scan){0};
	}
	return false;
}

/* A record of getdents64(2): inode 8 bytes, offset 8, length 2, type 1, then the name. */
#define RECORD_LENGTH_AT 16
#define RECORD_NAME_AT 19

size_t
cpromi_process_count_entries(const char *records, size_t n)
{
	size_t count = 0;
	uint16_t length;

	for (size_t at = 0; n - at > RECORD_NAME_AT; at += length) {
		char first = records[at + RECORD_NAME_AT];

		memcpy(&length, records + at + RECORD_LENGTH_AT, sizeof(length));
		if (length <= RECORD_NAME_AT || length > n - at)
			break;
		count += first >= '0' && first <= '9';
	}
	return count;
}

/* ---- sources ------------------------------------------------------------- */

/* Files of /proc/self answer whole in one read, or they are cut. 0: nothing to be had. */
static size_t
read_once(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, out, size);
	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

/* /proc/stat has a line of many KiB on large machines, hence the pieces. 0: not known. */
static uint64_t
read_boot_time(void)
{
	struct btime_scan scan = {0};
	char piece[4096];
	bool found = false;
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	while (!found && (n = read(fd, piece, sizeof(piece))) > 0)
		found = cpromi_process_scan_btime(&scan, piece, (size_t)n);
	close(fd);
	return found ? scan.seconds : 0;
}

/*
 * When the machine started, in Unix seconds. The kernel's answer moves when the
 * clock is set, and the start of the process must not, so the first answer stays.
 */
static uint64_t
boot_time(void)
{
	static atomic_u64 known;
	uint64_t seconds = load_relaxed(&known);
	uint64_t none = 0;

	if (seconds != 0)
		return seconds;
	seconds = read_boot_time();
	return cas_relaxed(&known, &none, seconds) ? seconds : none;
}

bool
cpromi_process_list_fds(double *count)
{
	_Alignas(8) char records[8192];
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t entries = 0;
	long n;

	if (fd < 0)
		return false;
	while ((n = syscall(SYS_getdents64, fd, records, sizeof(records))) > 0)
		entries += cpromi_process_count_entries(records, (size_t)n);
	close(fd);
	if (n < 0 || entries == 0)
		return false;
	*count = (double)(entries - 1); /* fd itself was among them */
	return true;
}

/* Since Linux 6.2 the size of the directory is the number of descriptors; before, it is 0. */
static bool
open_fds(double *count)
{
	struct stat st;

	if (stat("/proc/self/fd", &st) != 0)
		return false;
	if (st.st_size <= 0)
		return cpromi_process_list_fds(count);
	*count = (double)st.st_size;
	return true;
}

/* Summed as whole microseconds, so that the number is as short as it can be. */
static double
cpu_seconds(const struct rusage *u)
{
	int64_t seconds = (int64_t)u->ru_utime.tv_sec + u->ru_stime.tv_sec;

	return (double)(seconds * 1000000 + u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 33)
#define HAVE_MALLINFO2
#endif
#endif

#ifdef HAVE_MALLINFO2
/*
 * Weak: a static program with an allocator of its own must not get the C
 * library's through this reference.
 */
extern __typeof__(mallinfo2) mallinfo2 __attribute__((weak));

/*
 * mallinfo2() visits every free chunk while the program's own malloc() has to
 * wait: 0.3 s were measured with two million of them. There is no cheaper
 * question to ask, so a heap that once took more than this is not asked again.
 */
#define HEAP_BUDGET_SECONDS 0.01

static double
thread_cpu_seconds(void)
{
	struct rusage u = {0};

	getrusage(RUSAGE_THREAD, &u);
	return cpu_seconds(&u);
}

/* An allocator that is not the C library's leaves it an empty heap: then nothing is known. */
static bool
heap_bytes(double *bytes)
{
	static atomic_u32 too_slow;
	struct mallinfo2 info;
	double start;

	if (mallinfo2 == NULL || load_relaxed(&too_slow) != 0)
		return false;
	start = thread_cpu_seconds();
	info = mallinfo2();
	if (thread_cpu_seconds() - start > HEAP_BUDGET_SECONDS)
		store_relaxed(&too_slow, 1);
	*bytes = (double)info.arena + (double)info.hblkhd;
	return *bytes > 0;
}
#else
static bool
heap_bytes(double *bytes)
{
	(void)bytes;
	return false;
}
#endif

/* ---- families ------------------------------------------------------------ */

static void
emit(cprom_sink *out, cprom_type type, const char *name, const char *help, double value)
{
	if (cprom_sink_family(out, type, name, help) == 0)
		cprom_sink_sample(out, value);
}

static void
counter(cprom_sink *out, const char *name, const char *help, double value)
{
	emit(out, CPROM_TYPE_COUNTER, name, help, value);
}

static void
gauge(cprom_sink *out, const char *name, const char *help, double value)
{
	emit(out, CPROM_TYPE_GAUGE, name, help, value);
}

static void
collect_usage(cprom_sink *out)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return;
	counter(out, "process_cpu_seconds_total", "User and system CPU time consumed, in seconds.",
		cpu_seconds(&u));
	counter(out, "process_major_page_faults_total",
		"Page faults that had to read from storage.", (double)u.ru_majflt);
	counter(out, "process_minor_page_faults_total",
		"Page faults that were served without reading from storage.", (double)u.ru_minflt);
	counter(out, "process_voluntary_context_switches_total",
		"Context switches because a thread waited.", (double)u.ru_nvcsw);
	counter(out, "process_involuntary_context_switches_total",
		"Context switches because a thread's time slice was over.", (double)u.ru_nivcsw);
}

static void
collect_limit(cprom_sink *out, int resource, const char *name, const char *help)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		gauge(out, name, help, (double)limit.rlim_cur);
}

static void
collect_start_time(cprom_sink *out, uint64_t start_ticks)
{
	double boot = (double)boot_time();
	double tick = (double)sysconf(_SC_CLK_TCK);

	if (boot > 0 && tick > 0)
		gauge(out, "process_start_time_seconds",
		      "Start time of the process, in seconds since the Unix epoch.",
		      (boot * tick + (double)start_ticks) / tick);
}

static void
collect_stat(cprom_sink *out)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	struct process_stat s;
	char text[4096];

	if (!cpromi_process_parse_stat(text, read_once("/proc/self/stat", text, sizeof(text)), &s))
		return;
	gauge(out, "process_virtual_memory_bytes", "Size of the address space, in bytes.",
	      (double)s.virtual_bytes);
	if (page > 0)
		gauge(out, "process_resident_memory_bytes", "Memory that is resident, in bytes.",
		      (double)s.resident_pages * page);
	gauge(out, "process_threads", "Threads of the process.", (double)s.threads);
	collect_start_time(out, s.start_ticks);
}

static void
collect_memory(cprom_sink *out)
{
	double bytes;

	collect_limit(out, RLIMIT_AS, "process_virtual_memory_max_bytes",
		      "Soft limit of the size of the address space, in bytes.");
	if (heap_bytes(&bytes))
		gauge(out, "process_heap_bytes",
		      "Memory that the allocator holds, used and free, in bytes.", bytes);
}

static void
collect_fds(cprom_sink *out)
{
	double count;

	if (open_fds(&count))
		gauge(out, "process_open_fds", "Open file descriptors.", count);
	collect_limit(out, RLIMIT_NOFILE, "process_max_fds",
		      "Soft limit of the number of open file descriptors.");
}

static void
collect_io(cprom_sink *out)
{
	static const struct {
		const char *key, *name, *help;
	} fields[] = {
		{"rchar", "process_io_read_bytes_total",
		 "Bytes read by system calls such as read."},
		{"wchar", "process_io_written_bytes_total",
		 "Bytes written by system calls such as write."},
		{"read_bytes", "process_io_storage_read_bytes_total",
		 "Bytes fetched from storage."},
		{"write_bytes", "process_io_storage_written_bytes_total", "Bytes sent to storage."},
	};
	char text[1024];
	size_t n = read_once("/proc/self/io", text, sizeof(text));
	uint64_t value;

	for (size_t i = 0; i < array_len(fields); i++)
		if (cpromi_process_parse_field(text, n, fields[i].key, &value))
			counter(out, fields[i].name, fields[i].help, (double)value);
}

void
cpromi_process_collect(cprom_sink *out, void *arg)
{
	(void)arg;
	collect_usage(out);
	collect_fds(out);
	collect_stat(out);
	collect_memory(out);
	collect_io(out);
}
