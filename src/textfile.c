/* SPDX-License-Identifier: MIT */
/*
 * textfile: writes a registry's page to a file, at once or not at all.
 *
 * The page goes to a temporary file in the same directory, so that rename() is
 * one step. Its name begins with a dot and does not end in ".prom", so that
 * nobody who collects such files takes it for one, even if a crash leaves it.
 */
#include "atomic.h"
#include "error.h"

#include <cprom.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 1000 /* files in the way that a process of the same number left */
#define TEMPORARY_NAME_BYTES 64

static ssize_t
write_some(int fd, const char *data, size_t n)
{
	ssize_t done;

	do
		done = write(fd, data, n);
	while (done < 0 && errno == EINTR);
	if (done == 0) {
		errno = EIO;
		return -1;
	}
	return done;
}

static int
write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write_some(fd, data, n);

		if (done < 0)
			return -1;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
sync_fd(int fd)
{
	int result;

	do
		result = fsync(fd);
	while (result != 0 && errno == EINTR);
	return result;
}

static int
write_page(int fd, cprom_scrape *scrape)
{
	char piece[8192];
	ssize_t n;

	while ((n = cprom_scrape_read(scrape, piece, sizeof(piece))) > 0)
		if (write_all(fd, piece, (size_t)n) != 0)
			return -1;
	return n < 0 ? -1 : sync_fd(fd);
}

/* Length of the directory part, with its slash; 0 if there is none. */
static size_t
directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* Opens a file that was not there; temporary, which holds the directory, gets its name. */
static int
open_temporary(char *temporary, size_t directory)
{
	static atomic_u32 next;
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		snprintf(temporary + directory, TEMPORARY_NAME_BYTES, ".cprom-%ld-%lu.tmp",
			 (long)getpid(), (unsigned long)add_relaxed(&next, 1));
		fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 && errno != EEXIST && errno != EINTR)
			break;
	}
	return fd;
}

/* Makes the rename itself outlive a crash, where the system can; the page is right without it. */
static void
sync_directory(char *temporary, size_t directory)
{
	int fd;

	temporary[directory] = '\0';
	fd = open(directory == 0 ? "." : temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	sync_fd(fd);
	close(fd);
}

/* The file is whole and on disk when this returns 0, else it is gone. */
static int
fill_temporary(const char *temporary, int fd, cprom_scrape *scrape)
{
	int result = write_page(fd, scrape);
	int err = errno;

	if (close(fd) != 0 && result == 0 && errno != EINTR) {
		result = -1;
		err = errno;
	}
	if (result != 0)
		unlink(temporary);
	errno = err;
	return result;
}

static int
replace(const char *path, const char *temporary)
{
	int err;

	if (rename(temporary, path) == 0)
		return 0;
	err = errno;
	unlink(temporary);
	errno = err;
	return -1;
}

/* temporary has room for the directory and a name. */
static int
publish(const char *path, char *temporary, cprom_scrape *scrape)
{
	size_t directory = directory_length(path);
	int fd;

	memcpy(temporary, path, directory);
	fd = open_temporary(temporary, directory);
	if (fd < 0)
		return cpromi_fail(errno, "cannot make a file beside '%s': %m", path);
	if (fill_temporary(temporary, fd, scrape) != 0)
		return cpromi_fail(errno, "cannot write the page for '%s': %m", path);
	if (replace(path, temporary) != 0)
		return cpromi_fail(errno, "cannot replace '%s': %m", path);
	sync_directory(temporary, directory);
	return 0;
}

int
cprom_write_textfile(cprom_registry *r, const char *path)
{
	cprom_scrape *scrape;
	char *temporary;
	int result;
	int err;

	if (path == NULL || path[0] == '\0')
		return cpromi_fail(EINVAL, "a textfile needs a path");
	temporary = malloc(strlen(path) + TEMPORARY_NAME_BYTES);
	if (temporary == NULL)
		return cpromi_fail(ENOMEM, "no memory to write '%s'", path);
	scrape = cprom_scrape_open(r, NULL);
	if (scrape == NULL)
		result = cpromi_fail(errno, "cannot make the page for '%s': %m", path);
	else
		result = publish(path, temporary, scrape);
	err = errno;
	cprom_scrape_close(scrape);
	free(temporary);
	errno = err;
	return result;
}
