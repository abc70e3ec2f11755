/* SPDX-License-Identifier: MIT */
/*
 * Textfiles: whole or not at all, whatever goes wrong on the way.
 */
#include <cprom.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 2000 /* series: a page of many pieces */

static cprom_registry *registry;
static cprom_gauge *gauge;
static char directory[] = "/tmp/cprom-textfile-XXXXXX";
static char path[sizeof(directory) + 16];

static int
setup(void **state)
{
	cprom_gauge *many;
	char index[16];

	(void)state;
	memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/x.prom", directory);
	registry = cprom_registry_new();
	many = cprom_gauge_new("many", "Many.", .registry = registry,
			       .labels = CPROM_LABELS("index"));
	for (int i = 0; i < MANY; i++) {
		snprintf(index, sizeof(index), "%d", i);
		cprom_gauge_set(cprom_labels(many, index), i);
	}
	gauge = cprom_gauge_new("last", "Last.", .registry = registry);
	return gauge == NULL ? -1 : 0;
}

/* The names in the directory, files in it removed if asked for; how many there were. */
static int
list_directory(int remove_them)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (remove_them)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return n;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	list_directory(1);
	return rmdir(directory);
}

static char *
read_file(const char *name, size_t *length)
{
	FILE *f = fopen(name, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	assert_non_null(f);
	*length = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return text;
}

static void
assert_file_is_the_page(const char *name)
{
	size_t length = 0, file_length;
	char *page = cprom_render(registry, NULL, &length);
	char *text = read_file(name, &file_length);

	assert_non_null(page);
	assert_true(length > 16384);
	assert_int_equal(file_length, length);
	assert_memory_equal(text, page, length);
	assert_int_equal(text[length - 1], '\n');
	free(page);
	free(text);
}

/* ---- what it writes ------------------------------------------------------ */

static void
the_file_is_the_page(void **state)
{
	(void)state;
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	assert_file_is_the_page(path);
	assert_int_equal(list_directory(0), 1);
}

static void
an_older_file_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	cprom_gauge_set(gauge, 12345);
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	assert_file_is_the_page(path);
	assert_int_equal(list_directory(0), 1);
}

static void
the_mode_is_0644_less_the_umask(void **state)
{
	mode_t before = umask(022);
	struct stat st;

	(void)state;
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	umask(077);
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_path_without_directory_is_in_the_current_one(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_true(here >= 0);
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(cprom_write_textfile(registry, "y.prom"), 0);
	assert_file_is_the_page("y.prom");
	assert_int_equal(fchdir(here), 0);
	close(here);
}

static void
a_name_of_full_length_works(void **state)
{
	char name[sizeof(directory) + 256];
	size_t n = (size_t)snprintf(name, sizeof(name), "%s/", directory);

	(void)state;
	memset(name + n, 'n', 255);
	name[n + 255] = '\0';
	assert_int_equal(cprom_write_textfile(registry, name), 0);
	assert_file_is_the_page(name);
}

static void
null_is_the_default_registry(void **state)
{
	size_t length;
	char *text;

	(void)state;
	assert_non_null(cprom_gauge_new("in_the_default_registry", "D."));
	assert_int_equal(cprom_write_textfile(NULL, path), 0);
	text = read_file(path, &length);
	assert_non_null(strstr(text, "\nin_the_default_registry 0\n"));
	free(text);
}

static void
files_left_by_a_crash_are_no_obstacle(void **state)
{
	char left[sizeof(directory) + 64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(left, sizeof(left), "%s/.cprom-%ld-%d.tmp", directory, (long)getpid(), i);
		close(open(left, O_WRONLY | O_CREAT, 0600));
	}
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	assert_file_is_the_page(path);
	assert_int_equal(list_directory(0), 101);
}

/* ---- what goes wrong ----------------------------------------------------- */

static void
a_missing_directory_is_an_error(void **state)
{
	char missing[sizeof(directory) + 32];

	(void)state;
	snprintf(missing, sizeof(missing), "%s/missing/x.prom", directory);
	assert_int_equal(cprom_write_textfile(registry, missing), -1);
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(cprom_error(), missing));
	assert_int_equal(cprom_write_textfile(registry, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_write_textfile(registry, ""), -1);
	assert_int_equal(errno, EINVAL);
}

static void
a_directory_in_the_place_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(cprom_write_textfile(registry, path), -1);
	assert_int_equal(errno, EISDIR);
	assert_non_null(strstr(cprom_error(), path));
	assert_int_equal(list_directory(0), 1);
	assert_int_equal(rmdir(path), 0);
}

/* In a process of its own: a file may not grow past a limit that cuts the page. */
static int
write_with_a_limit(rlim_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 1;
	if (cprom_write_textfile(registry, path) != -1)
		return 2;
	if (errno != EFBIG)
		return 3;
	return strstr(cprom_error(), path) == NULL ? 4 : 0;
}

static void
a_failed_write_leaves_the_older_file_alone(void **state)
{
	static const rlim_t limits[] = {0, 1, 8191, 8192, 10000, 16384};

	(void)state;
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			_exit(write_with_a_limit(limits[i]));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(list_directory(0), 1);
		assert_file_is_the_page(path);
	}
}

static void
without_descriptors_nothing_is_left(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = {0, 0};

		setrlimit(RLIMIT_NOFILE, &limit);
		_exit(cprom_write_textfile(registry, path) == -1 && errno == EMFILE ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(list_directory(0), 0);
}

static void
no_descriptor_is_leaked(void **state)
{
	char missing[sizeof(directory) + 32];
	int before = dup(0), after;

	(void)state;
	assert_true(before >= 0);
	close(before);
	snprintf(missing, sizeof(missing), "%s/missing/x.prom", directory);
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	assert_int_equal(cprom_write_textfile(registry, missing), -1);
	assert_int_equal(cprom_write_textfile(registry, directory), -1);
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

/* ---- several at once ----------------------------------------------------- */

static void *
write_often(void *failures)
{
	for (int i = 0; i < 25; i++)
		*(int *)failures += cprom_write_textfile(registry, path) != 0;
	return NULL;
}

static void
writers_at_the_same_time_leave_a_whole_file(void **state)
{
	pthread_t threads[4];
	int failures[4] = {0};

	(void)state;
	assert_int_equal(cprom_write_textfile(registry, path), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_often, &failures[i]), 0);
	for (int i = 0; i < 50; i++)
		assert_file_is_the_page(path);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(failures[i], 0);
	}
	assert_file_is_the_page(path);
	assert_int_equal(list_directory(0), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_file_is_the_page),
		TEST(an_older_file_is_replaced),
		TEST(the_mode_is_0644_less_the_umask),
		TEST(a_path_without_directory_is_in_the_current_one),
		TEST(a_name_of_full_length_works),
		TEST(null_is_the_default_registry),
		TEST(files_left_by_a_crash_are_no_obstacle),
		TEST(a_missing_directory_is_an_error),
		TEST(a_directory_in_the_place_is_an_error),
		TEST(a_failed_write_leaves_the_older_file_alone),
		TEST(without_descriptors_nothing_is_left),
		TEST(no_descriptor_is_leaked),
		TEST(writers_at_the_same_time_leave_a_whole_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
