/* SPDX-License-Identifier: MIT */
/*
 * The process_* metrics: hostile texts for the parsers, then the real ones.
 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"

#define VECTOR                                                                                     \
	"4711 (wo) rk (er) S 1 4711 4711 0 -1 4194560 900 0 3 0 250 75 0 0 20 0 7 0 123456 "       \
	"104857600 2560 18446744073709551615 0\n"

/* The parser gets the text without its NUL in memory of just that length. */
static bool
parse_stat(const char *text, size_t n, struct process_stat *out)
{
	char *copy = malloc(n + (n == 0));
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, n);
	ok = cpromi_process_parse_stat(copy, n, out);
	free(copy);
	return ok;
}

static bool
parse_field(const char *text, size_t n, const char *key, uint64_t *out)
{
	char *copy = malloc(n + (n == 0));
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, n);
	ok = cpromi_process_parse_field(copy, n, key, out);
	free(copy);
	return ok;
}

/* ---- /proc/self/stat ----------------------------------------------------- */

static void
a_program_name_may_contain_blanks_and_parentheses(void **state)
{
	struct process_stat s;

	(void)state;
	assert_true(parse_stat(VECTOR, strlen(VECTOR), &s));
	assert_int_equal(s.threads, 7);
	assert_int_equal(s.start_ticks, 123456);
	assert_int_equal(s.virtual_bytes, 104857600);
	assert_int_equal(s.resident_pages, 2560);
}

static void
a_program_name_cannot_pose_as_the_fields(void **state)
{
	static const char text[] =
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 66 1 66 66 66 66 (b\n) R "
		"2 2 2 0 -1 2 2 2 2 2 2 2 2 2 20 0 3 0 4 5 6 7\n";
	struct process_stat s;

	(void)state;
	assert_true(parse_stat(text, sizeof(text) - 1, &s));
	assert_int_equal(s.threads, 3);
	assert_int_equal(s.start_ticks, 4);
	assert_int_equal(s.virtual_bytes, 5);
	assert_int_equal(s.resident_pages, 6);
}

static void
a_cut_stat_is_not_believed(void **state)
{
	size_t whole = (size_t)(strstr(VECTOR, " 2560 ") - VECTOR) + strlen(" 2560 ");
	struct process_stat s = {1, 2, 3, 4};

	(void)state;
	for (size_t n = 0; n < whole; n++)
		assert_false(parse_stat(VECTOR, n, &s));
	assert_int_equal(s.threads + s.start_ticks + s.virtual_bytes + s.resident_pages, 10);
	assert_true(parse_stat(VECTOR, whole, &s));
}

static void
absurd_stats_are_not_believed(void **state)
{
	static const char *const texts[] = {
		"",
		")",
		"1 (a)",
		"1 a S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 4 5 6 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 18446744073709551616 5 6 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 4 99999999999999999999999999 6 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 -3 0 4 5 6 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 0x4 5 6 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 4 5 6e1 \n",
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 4 +5 6 \n",
	};
	struct process_stat s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse_stat(texts[i], strlen(texts[i]), &s))
			fail_msg("believed: %s", texts[i]);
}

static void
the_largest_number_fits(void **state)
{
	static const char text[] =
		"1 (a) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 3 0 18446744073709551615 5 6 \n";
	struct process_stat s;

	(void)state;
	assert_true(parse_stat(text, sizeof(text) - 1, &s));
	assert_true(s.start_ticks == UINT64_MAX);
}

static void
changed_bytes_do_no_harm(void **state)
{
	char text[] = VECTOR;
	struct process_stat s;
	unsigned believed = 0;
	uint64_t random = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t at;

		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		at = random % (sizeof(text) - 1);
		memcpy(text, VECTOR, sizeof(text));
		text[at] = (char)(random >> 32);
		text[(random >> 40) % (sizeof(text) - 1)] = (char)(random >> 24);
		believed += parse_stat(text, (random >> 16) % sizeof(text), &s);
	}
	assert_true(believed > 0 && believed < 200000);
}

/* ---- /proc/self/io ------------------------------------------------------- */

static void
a_field_is_found_by_its_whole_name(void **state)
{
	static const char text[] = "rchar: 10\nwchar:\t20\nxread_bytes: 1\nread_bytes: 30\n"
				   "cancelled_write_bytes: 40\nwrite_bytes: 50\n";
	uint64_t v = 0;

	(void)state;
	assert_true(parse_field(text, sizeof(text) - 1, "rchar", &v) && v == 10);
	assert_true(parse_field(text, sizeof(text) - 1, "wchar", &v) && v == 20);
	assert_true(parse_field(text, sizeof(text) - 1, "read_bytes", &v) && v == 30);
	assert_true(parse_field(text, sizeof(text) - 1, "write_bytes", &v) && v == 50);
	assert_false(parse_field(text, sizeof(text) - 1, "read", &v));
	assert_false(parse_field(text, sizeof(text) - 1, "syscr", &v));
	assert_int_equal(v, 50);
}

static void
a_field_that_is_no_number_is_not_believed(void **state)
{
	static const char *const texts[] = {
		"",       "\n",        "k",        "k:",      "k:\n",
		"k: \n",  "k: 12",     "k: 1 2\n", "k: -1\n", "k: 18446744073709551616\n",
		"k: x\n", "k: 12kB\n", " k: 1\n",  "kk: 1\n", "k 1\n",
	};
	uint64_t v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse_field(texts[i], strlen(texts[i]), "k", &v))
			fail_msg("believed: %s", texts[i]);
	assert_int_equal(v, 77);
	assert_false(parse_field("k: 1\0\n", 6, "k", &v));
	assert_true(parse_field("\0\0\nk: 1\n", 8, "k", &v));
}

/* ---- /proc/stat ---------------------------------------------------------- */

static bool
scan_in_two(const char *text, size_t n, size_t cut, uint64_t *seconds)
{
	struct btime_scan scan = {0};
	bool found = cpromi_process_scan_btime(&scan, text, cut) ||
		     cpromi_process_scan_btime(&scan, text + cut, n - cut);

	*seconds = scan.seconds;
	return found;
}

static void
the_boot_time_is_found_wherever_the_text_is_cut(void **state)
{
	static const char text[] = "cpu  1 2 3\nintr 5 btime 6\nbtimes 7\nbtime x\nbtime \nbtime8\n"
				   "btime 1754000000\nprocesses 9\n";
	size_t last = (size_t)(strstr(text, "processes") - text);
	uint64_t seconds;

	(void)state;
	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		assert_true(scan_in_two(text, sizeof(text) - 1, cut, &seconds));
		assert_true(seconds == 1754000000);
	}
	for (size_t n = 0; n < last; n++)
		assert_false(scan_in_two(text, n, n / 2, &seconds));
}

static void
an_absurd_boot_time_is_not_believed(void **state)
{
	static const char *const texts[] = {
		"",           "btime",       "btime 1",    "btime 18446744073709551616\n",
		"btime -1\n", "btime 1 2\n", "btime\t1\n", " btime 1\n",
	};
	uint64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (scan_in_two(texts[i], strlen(texts[i]), 0, &seconds))
			fail_msg("believed: %s", texts[i]);
}

static void
a_line_longer_than_any_buffer_is_passed_over(void **state)
{
	struct btime_scan scan = {0};
	char piece[4096];

	(void)state;
	memset(piece, '7', sizeof(piece));
	assert_false(cpromi_process_scan_btime(&scan, "intr ", 5));
	for (int i = 0; i < 100; i++)
		assert_false(cpromi_process_scan_btime(&scan, piece, sizeof(piece)));
	assert_true(cpromi_process_scan_btime(&scan, "\nbtime 5\n", 9));
	assert_int_equal(scan.seconds, 5);
}

/* ---- /proc/self/fd ------------------------------------------------------- */

/* Appends a record as getdents64(2) does; its length field may lie. */
static size_t
add_record(char *out, size_t at, const char *name, uint16_t length)
{
	memset(out + at, 0, 24);
	memcpy(out + at + 16, &length, sizeof(length));
	memcpy(out + at + 19, name, strlen(name) + 1);
	return at + 24;
}

static void
entries_are_counted_by_number(void **state)
{
	char records[256];
	size_t n = 0;

	(void)state;
	n = add_record(records, n, ".", 24);
	n = add_record(records, n, "..", 24);
	n = add_record(records, n, "0", 24);
	n = add_record(records, n, "1234", 24);
	assert_int_equal(cpromi_process_count_entries(records, n), 2);
	assert_int_equal(cpromi_process_count_entries(records, 0), 0);
}

static void
records_that_lie_about_their_length_end_the_count(void **state)
{
	static const uint16_t lies[] = {0, 1, 18, 19, 25, 1000, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char records[48];
		size_t n = add_record(records, 0, "1", 24);

		n = add_record(records, n, "2", lies[i]);
		assert_int_equal(cpromi_process_count_entries(records, n), 1);
	}
	for (size_t cut = 0; cut < 24; cut++) {
		char records[24];

		add_record(records, 0, "1", 24);
		assert_int_equal(cpromi_process_count_entries(records, cut), 0);
	}
}

/* As a shell would: one by one. */
static double
count_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	double n = -1; /* that of d itself */

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
descriptors_are_listed(void **state)
{
	int fds[600];
	double before, count = 0;

	(void)state;
	before = count_open_fds();
	assert_true(cpromi_process_list_fds(&count));
	assert_true(count == before);
	for (int i = 0; i < 600; i++) {
		fds[i] = dup(0);
		assert_true(fds[i] >= 0);
	}
	assert_true(cpromi_process_list_fds(&count));
	assert_true(count == before + 600);
	for (int i = 0; i < 600; i++)
		close(fds[i]);
}

/* ---- the metrics --------------------------------------------------------- */

static cprom_registry *registry;

static int
setup(void **state)
{
	(void)state;
	registry = cprom_registry_new();
	return cprom_process_enable(registry);
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

/* The value of an unlabelled sample in a new page; -1: it is not there. */
static double
sample(const char *name)
{
	char *page = cprom_render(registry, NULL, NULL);
	char line[128];
	double value = -1;
	char *at;

	if (page == NULL)
		return -2;
	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(page, line);
	if (at != NULL)
		value = strtod(at + strlen(line), NULL);
	free(page);
	return value;
}

static void
every_metric_is_there(void **state)
{
	static const char *const names[] = {
		"process_cpu_seconds_total",
		"process_open_fds",
		"process_max_fds",
		"process_virtual_memory_bytes",
		"process_resident_memory_bytes",
		"process_start_time_seconds",
		"process_threads",
		"process_major_page_faults_total",
		"process_minor_page_faults_total",
		"process_voluntary_context_switches_total",
		"process_involuntary_context_switches_total",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sample(names[i]) < 0)
			fail_msg("%s is missing", names[i]);
}

static void
they_go_when_they_are_disabled(void **state)
{
	(void)state;
	skip_if_emulated("/proc/self/stat is the emulator's, and says 0");
	assert_int_equal(cprom_process_disable(registry), 0);
	assert_true(sample("process_threads") == -1);
	assert_int_equal(cprom_process_enable(registry), 0);
	assert_true(sample("process_threads") == 1);
}

static void
processor_time_follows_work(void **state)
{
	double before = sample("process_cpu_seconds_total");
	clock_t end = clock() + CLOCKS_PER_SEC / 5;
	double used;

	(void)state;
	while (clock() < end)
		;
	used = sample("process_cpu_seconds_total") - before;
	assert_true(used > 0.15 && used < 10);
}

static void
descriptors_follow_what_is_open(void **state)
{
	double before = sample("process_open_fds");
	struct rlimit limit;
	int fd = dup(0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(sample("process_open_fds") == before + 1);
	close(fd);
	assert_true(sample("process_open_fds") == before);
	assert_true(before == count_open_fds());
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(sample("process_max_fds") == (double)limit.rlim_cur);
}

static void
memory_follows_what_is_used(void **state)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	double resident = sample("process_resident_memory_bytes");
	double faults = sample("process_minor_page_faults_total");
	size_t n = 32u << 20;
	char *p = malloc(n);

	(void)state;
	skip_if_emulated("/proc/self/stat is the emulator's, and says 0");
	assert_non_null(p);
	memset(p, 1, n);
	assert_true(sample("process_resident_memory_bytes") > resident + 24e6);
	assert_true(sample("process_virtual_memory_bytes") >
		    sample("process_resident_memory_bytes"));
	assert_true(sample("process_minor_page_faults_total") > faults);
	assert_true(sample("process_heap_bytes") == -1 ||
		    sample("process_heap_bytes") >= (double)n);
	free(p);
	assert_true(resident > 0 && (uint64_t)resident % (uint64_t)page == 0);
}

static void
the_start_time_is_that_of_the_process_and_stays(void **state)
{
	double start = sample("process_start_time_seconds");
	double now = (double)time(NULL);
	int status;
	pid_t child;

	(void)state;
	skip_if_emulated("/proc/self/stat is the emulator's, and says 0");
	assert_true(start > now - 600 && start < now + 2);
	assert_true(sample("process_start_time_seconds") == start);
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(sample("process_start_time_seconds") >= start + 0.09 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
bytes_read_and_written_are_counted(void **state)
{
	double before = sample("process_io_written_bytes_total");
	char data[10000] = {0};
	FILE *f = tmpfile();

	(void)state;
	if (before < 0) {
		fclose(f);
		skip();
	}
	assert_non_null(f);
	assert_int_equal(write(fileno(f), data, sizeof(data)), sizeof(data));
	assert_true(sample("process_io_written_bytes_total") >= before + sizeof(data));
	before = sample("process_io_read_bytes_total");
	assert_int_equal(pread(fileno(f), data, sizeof(data), 0), sizeof(data));
	assert_true(sample("process_io_read_bytes_total") >= before + sizeof(data));
	assert_true(sample("process_io_storage_read_bytes_total") >= 0);
	assert_true(sample("process_io_storage_written_bytes_total") >= 0);
	fclose(f);
}

#define CANNOT_BE_TRIED 77

/* Runs the check in a process of its own, which it may spoil; -1 if that crashed. */
static int
run_in_a_child(int (*check)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(check());
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
judge(int result)
{
	if (result == CANNOT_BE_TRIED)
		skip();
	assert_int_equal(result, 0);
}

static int
check_limits(void)
{
	struct rlimit address, limit = {1000, 1000};

	if (getrlimit(RLIMIT_AS, &address) != 0)
		return 1;
	if (address.rlim_cur == RLIM_INFINITY && sample("process_virtual_memory_max_bytes") != -1)
		return 2;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || sample("process_max_fds") != 1000)
		return 3;
	address.rlim_cur = (rlim_t)1 << 50;
	if (setrlimit(RLIMIT_AS, &address) != 0)
		return CANNOT_BE_TRIED;
	return sample("process_virtual_memory_max_bytes") == 1125899906842624 ? 0 : 4;
}

static void
an_unlimited_limit_is_left_out(void **state)
{
	(void)state;
	skip_if_emulated("limits of the address space are ignored");
	judge(run_in_a_child(check_limits));
}

static int
check_without_descriptors(void)
{
	struct rlimit limit = {0, 0};

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	if (sample("process_cpu_seconds_total") < 0 || sample("process_max_fds") != 0)
		return 2;
	return sample("process_threads") == -1 && sample("process_start_time_seconds") == -1 ? 0
											     : 3;
}

static void
without_a_free_descriptor_the_rest_is_there(void **state)
{
	(void)state;
	judge(run_in_a_child(check_without_descriptors));
}

static char empty_directory[] = "/tmp/cprom-process-XXXXXX";

static int
check_without_proc(void)
{
	int confined = chroot(empty_directory) == 0 && chdir("/") == 0;

	if (confined && (sample("process_threads") != -1 || sample("process_open_fds") != -1 ||
			 sample("process_start_time_seconds") != -1 ||
			 sample("process_io_read_bytes_total") != -1))
		return 2;
	if (confined && (sample("process_cpu_seconds_total") < 0 || sample("process_max_fds") < 0 ||
			 sample("process_voluntary_context_switches_total") < 0))
		return 3;
	return confined ? 0 : CANNOT_BE_TRIED;
}

static void
without_proc_the_rest_is_there(void **state)
{
	int result;

	(void)state;
	skip_if_emulated("its /proc/self/stat is there in any case");
	assert_non_null(mkdtemp(empty_directory));
	result = run_in_a_child(check_without_proc);
	assert_int_equal(rmdir(empty_directory), 0);
	judge(result);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_name_may_contain_blanks_and_parentheses),
		cmocka_unit_test(a_program_name_cannot_pose_as_the_fields),
		cmocka_unit_test(a_cut_stat_is_not_believed),
		cmocka_unit_test(absurd_stats_are_not_believed),
		cmocka_unit_test(the_largest_number_fits),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(a_field_is_found_by_its_whole_name),
		cmocka_unit_test(a_field_that_is_no_number_is_not_believed),
		cmocka_unit_test(the_boot_time_is_found_wherever_the_text_is_cut),
		cmocka_unit_test(an_absurd_boot_time_is_not_believed),
		cmocka_unit_test(a_line_longer_than_any_buffer_is_passed_over),
		cmocka_unit_test(entries_are_counted_by_number),
		cmocka_unit_test(records_that_lie_about_their_length_end_the_count),
		cmocka_unit_test(descriptors_are_listed),
		TEST(every_metric_is_there),
		TEST(they_go_when_they_are_disabled),
		TEST(processor_time_follows_work),
		TEST(descriptors_follow_what_is_open),
		TEST(memory_follows_what_is_used),
		TEST(the_start_time_is_that_of_the_process_and_stays),
		TEST(bytes_read_and_written_are_counted),
		TEST(an_unlimited_limit_is_left_out),
		TEST(without_a_free_descriptor_the_rest_is_there),
		TEST(without_proc_the_rest_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
