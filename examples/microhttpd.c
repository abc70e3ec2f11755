/* SPDX-License-Identifier: MIT */
/*
 * microhttpd: a web application on GNU libmicrohttpd that shows cprom's page itself: a scrape is
 * pulled by the server that is there already, piece by piece, so no page is ever held in memory.
 *
 *	microhttpd [port]        # of loopback; 8003 unless told otherwise
 *
 * What cprom's own server does beyond that is left to who embeds: to compress, to ask for
 * credentials, to answer OPTIONS and /-/healthy, and to bound the pages under way; here there may
 * be one for each of 64 connections, there 16, and 503 for others.
 */
#include <arpa/inet.h>
#include <cprom.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "8003"
#define PIECE 16384 /* bytes that are asked for at a time */
#define MAX_CONNECTIONS 64U
#define TIMEOUT 30U /* seconds without progress of a reader */
#define TEXT_TYPE "text/plain; charset=utf-8"

static CPROM_COUNTER(greetings, "app_greetings_total", "Greetings, by language.",
		     .labels = CPROM_LABELS("language"));
static CPROM_HISTOGRAM(latency, "app_greeting_seconds", "Time taken to greet.");

/* Families that name[] in the query asks for; one too many is enough to be refused. */
struct names {
	const char *items[CPROM_MAX_SCRAPE_NAMES + 1];
	size_t count;
};

static enum MHD_Result
take_name(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct names *names = arg;

	(void)kind;
	if (strcmp(key, "name[]") == 0 && names->count <= CPROM_MAX_SCRAPE_NAMES)
		names->items[names->count++] = value == NULL ? "" : value;
	return MHD_YES;
}

/* An error ends the connection before the page's end, so that no reader takes a part for all. */
static ssize_t
read_page(void *scrape, uint64_t position, char *buffer, size_t max)
{
	ssize_t n = cprom_scrape_read(scrape, buffer, max);

	(void)position;
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static void
close_page(void *scrape)
{
	cprom_scrape_close(scrape);
}

/* Queues the response, if it could be made, and gives it up. */
static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
       const char *type)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO; /* ends the connection */
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	/* Persistent: the library keeps text by pointer, and so only constants are passed here. */
	return answer(connection, status,
		      MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
						      MHD_RESPMEM_PERSISTENT),
		      TEXT_TYPE);
}

static enum MHD_Result
answer_metrics(struct MHD_Connection *connection)
{
	struct names names = {.count = 0};
	struct MHD_Response *response;
	cprom_scrape *scrape;

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_name, &names);
	scrape = cprom_scrape_open_with(&(cprom_scrape_options){
		.size = sizeof(cprom_scrape_options),
		.accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						      MHD_HTTP_HEADER_ACCEPT),
		.names = {names.items, names.count},
	});
	if (scrape == NULL && errno == EINVAL)
		return answer_text(connection, MHD_HTTP_BAD_REQUEST, "Too many names.\n");
	if (scrape == NULL)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "No memory.\n");
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_page, scrape,
						     close_page);
	if (response == NULL) {
		cprom_scrape_close(scrape);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept");
	return answer(connection, MHD_HTTP_OK, response, cprom_scrape_content_type(scrape));
}

static CPROM_TIMED(latency, enum MHD_Result, answer_greeting, (struct MHD_Connection * connection),
		   (connection))
{
	const char *language = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							   MHD_HTTP_HEADER_ACCEPT_LANGUAGE);

	if (language != NULL && strncmp(language, "eo", 2) == 0) {
		cprom_counter_inc(cprom_labels(greetings, "eo"));
		return answer_text(connection, MHD_HTTP_OK, "Saluton!\n");
	}
	cprom_counter_inc(cprom_labels(greetings, "en"));
	return answer_text(connection, MHD_HTTP_OK, "Hello!\n");
}

/* Answers when the head of a request has come; what follows it is not waited for. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
       const char *version, const char *body, size_t *body_size, void **state)
{
	(void)arg, (void)version, (void)body, (void)body_size, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD.\n");
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(connection);
	if (strcmp(path, "/") == 0)
		return answer_greeting(connection);
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "Not found.\n");
}

static uint16_t
port_number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 0 || n > UINT16_MAX) {
		fprintf(stderr, "usage: microhttpd [port]\n");
		exit(EXIT_FAILURE);
	}
	return (uint16_t)n;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
		.sin_port = htons(port_number(argc > 1 ? argv[1] : DEFAULT_PORT))};
	struct MHD_Daemon *daemon;
	sigset_t stop;
	int which;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	/* The log, on stderr, says why it cannot start: errno need not. */
	daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				  handle, NULL, MHD_OPTION_SOCK_ADDR, &loopback,
				  MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT, MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr, "microhttpd: cannot start\n");
		return EXIT_FAILURE;
	}
	printf("microhttpd: / and /metrics on port %d\n",
	       MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);

	sigwait(&stop, &which);
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}
