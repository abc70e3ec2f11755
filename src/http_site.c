/* SPDX-License-Identifier: MIT */
/*
 * http_site: what a server serves, and how it answers one request.
 */
#include "http_site.h"

#include "platform.h"

#define TEXT_TYPE "text/plain; charset=utf-8"
#define HTML_TYPE "text/html; charset=utf-8"
#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"
#define RETRY "Retry-After: 1\r\n"

/* What is sent when there is no memory even for a short answer. */
static const char no_memory[] = "HTTP/1.1 503 Service Unavailable\r\n" RETRY
				"Content-Length: 0\r\nConnection: close\r\n\r\n";

/* One request being answered. */
struct exchange {
	struct http_site *site;
	struct cprom_request request;
	struct http_reply reply; /* what is known of the reply so far */
	bool head_only;
	struct http_answer *answer;
};

typedef void answer_fn(struct exchange *x);

static void
give(struct http_answer *a, const struct http_reply *r)
{
	a->keep_alive = r->keep_alive;
	if (a->bytes.failed) {
		a->keep_alive = false;
		a->out = no_memory;
		a->left = sizeof(no_memory) - 1;
		return;
	}
	a->out = a->bytes.data;
	a->left = a->bytes.n;
}

/* A short answer, whole: header lines may be NULL. */
static void
give_text(struct http_answer *a, struct http_reply *r, bool head_only, const char *lines,
	  const char *body)
{
	struct http_buffer headers = {0};

	if (lines != NULL)
		cpromi_http_buffer_text(&headers, lines);
	r->headers = &headers;
	r->framing = HTTP_LENGTH;
	r->length = strlen(body);
	cpromi_http_reply_head(&a->bytes, r);
	if (!head_only)
		cpromi_http_buffer_text(&a->bytes, body);
	a->bytes.failed = a->bytes.failed || headers.failed;
	cpromi_http_buffer_free(&headers);
	give(a, r);
}

/* A status with its own name as the page: "404 Not Found". challenge: what a 401 has to say. */
static void
give_status(struct http_answer *a, struct http_reply *r, bool head_only, int status,
	    const char *challenge)
{
	const char *reason = cpromi_http_reason(status);
	char body[64] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
			 (char)('0' + status % 10), ' '};
	const char *lines = NULL;

	memcpy(body + 4, reason, strlen(reason));
	body[4 + strlen(reason)] = '\n';
	if (status == 401)
		lines = challenge;
	if (status == 405)
		lines = ALLOW;
	if (status == 503)
		lines = RETRY;
	r->status = status;
	r->type = TEXT_TYPE;
	give_text(a, r, head_only, lines, body);
}

static void
answer_status(struct exchange *x, int status)
{
	give_status(x->answer, &x->reply, x->head_only, status,
		    cpromi_access_challenge(&x->site->access));
}

void
cpromi_http_site_refuse(int status, bool head_only, struct http_answer *a)
{
	struct http_reply reply = {.keep_alive = false};

	*a = (struct http_answer){0};
	give_status(a, &reply, head_only, status, NULL);
}

static void
answer_options(struct exchange *x)
{
	x->reply.status = 204;
	give_text(x->answer, &x->reply, x->head_only, ALLOW, "");
}

static void
open_page(struct exchange *x)
{
	struct http_answer *a = x->answer;
	struct http_site *site = x->site;
	int status = cpromi_http_page_open(&a->page, &site->spare, site->registry, &x->request,
					   !site->no_gzip, &x->reply);

	if (status != 0) {
		answer_status(x, status);
		return;
	}
	site->scrapes++;
	a->counted = site;
	a->keep_alive = x->reply.keep_alive;
	a->out = a->page.buffer + a->page.start;
	a->left = a->page.end - a->page.start;
}

static void
answer_page(struct exchange *x)
{
	if (x->site->scrapes < x->site->max_scrapes && x->site->waiting == 0)
		open_page(x);
	else
		x->answer->waiting = x->request;
}

static void
answer_healthy(struct exchange *x)
{
	x->reply.status = 200;
	x->reply.type = TEXT_TYPE;
	give_text(x->answer, &x->reply, x->head_only, NULL, "OK\n");
}

/* The path needs no escaping here: the server's options allow only harmless characters in it. */
static void
answer_landing(struct exchange *x)
{
	static const char top[] =
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>Metrics</title>\n<style>\n"
		"body { font: 16px/1.5 system-ui, sans-serif; max-width: 36em; margin: 4em auto;"
		" padding: 0 1em; color: #222; background: #fff }\n"
		"h1 { font-weight: 600; border-bottom: 3px solid #e6522c; padding-bottom: .3em }\n"
		"a { color: #b93a17 }\nli { margin: .4em 0 }\nfooter { color: #767676; font-size: "
		"85% }\n"
		"</style>\n</head>\n<body>\n<h1>Metrics</h1>\n<ul>\n<li><a href=\"";
	struct http_buffer html = {0};

	cpromi_http_buffer_text(&html, top);
	cpromi_http_buffer_text(&html, x->site->path);
	cpromi_http_buffer_text(&html, "\">");
	cpromi_http_buffer_text(&html, x->site->path);
	cpromi_http_buffer_text(
		&html, "</a>: what Prometheus scrapes</li>\n"
		       "<li><a href=\"/-/healthy\">/-/healthy</a>: is the server alive?</li>\n"
		       "</ul>\n<footer>cprom ");
	cpromi_http_buffer_text(&html, cprom_version());
	cpromi_http_buffer_add(&html, "</footer>\n</body>\n</html>\n",
			       sizeof("</footer>\n</body>\n</html>\n"));
	if (html.failed) {
		answer_status(x, 503);
	} else {
		x->reply.status = 200;
		x->reply.type = HTML_TYPE;
		give_text(x->answer, &x->reply, x->head_only, NULL, html.data);
	}
	cpromi_http_buffer_free(&html);
}

static void
answer_handler(struct exchange *x)
{
	struct cprom_response response = {.status = 200};
	int result = -1;

	if (x->site->handler != NULL)
		result = x->site->handler(&x->request, &response, x->site->handler_arg);
	if (result == 0 || response.headers.failed || response.body.failed) {
		cpromi_http_response_finish(&response, &x->reply, x->head_only, &x->answer->bytes);
		give(x->answer, &x->reply);
		return;
	}
	cpromi_http_buffer_free(&response.headers);
	cpromi_http_buffer_free(&response.body);
	answer_status(x, 404);
}

/* The pages of the server itself, which are read and nothing else; NULL: not one of them. */
static answer_fn *
find_page(const struct http_site *site, const char *path)
{
	if (strcmp(path, site->path) == 0)
		return answer_page;
	if (strcmp(path, "/-/healthy") == 0)
		return answer_healthy;
	if (strcmp(path, "/") == 0)
		return answer_landing;
	return NULL;
}

/* Whether the server is alive may be asked by everybody; 0, or the status that says why not. */
static int
check_access(struct exchange *x, answer_fn *page)
{
	return page != answer_healthy ? cpromi_access_check(&x->site->access, &x->request) : 0;
}

static void
route(struct exchange *x)
{
	enum http_method method = x->request.head->method;
	answer_fn *page = find_page(x->site, x->request.path);
	int status;

	if (method == HTTP_CONNECT) {
		x->reply.keep_alive = false; /* what follows is not HTTP to this server */
		answer_status(x, 405);
	} else if (method == HTTP_TRACE) {
		answer_status(x, 405);
	} else if ((status = check_access(x, page)) != 0) {
		answer_status(x, status);
	} else if (strcmp(x->request.path, "*") == 0) {
		answer_options(x);
	} else if (page == NULL) {
		answer_handler(x);
	} else if (method == HTTP_OPTIONS) {
		answer_options(x);
	} else if (method == HTTP_GET || method == HTTP_HEAD) {
		page(x);
	} else {
		answer_status(x, 405);
	}
}

static struct exchange
begin(struct http_site *site, const struct http_head *h, struct http_answer *a)
{
	*a = (struct http_answer){0};
	return (struct exchange){
		.site = site,
		.reply = {.old = h->minor == 0, .keep_alive = h->keep_alive && !site->closing},
		.head_only = h->method == HTTP_HEAD,
		.answer = a,
	};
}

void
cpromi_http_site_answer(struct http_site *site, const struct http_head *h, char *text,
			const struct http_peer *peer, struct http_answer *a)
{
	struct exchange x = begin(site, h, a);

	if (cpromi_http_request_open(&x.request, h, text) < 0) {
		answer_status(&x, 400);
		return;
	}
	x.request.peer = peer;
	route(&x);
}

void
cpromi_http_site_admit(struct http_site *site, struct http_answer *a)
{
	site->scrapes++;
	a->counted = site;
}

void
cpromi_http_site_go_on(struct http_site *site, struct http_answer *a)
{
	struct cprom_request request = a->waiting;
	bool admitted = a->counted != NULL;
	struct exchange x = begin(site, request.head, a);

	x.request = request;
	if (admitted) {
		site->scrapes--; /* open_page() counts it, if it succeeds */
		open_page(&x);
	} else {
		x.reply.keep_alive = false; /* room for others */
		answer_status(&x, 503);
	}
}

int
cpromi_http_answer_next(struct http_answer *a)
{
	struct http_page *p = &a->page;

	if (a->left > 0)
		return 1;
	if (p->buffer == NULL || cpromi_http_page_ended(p))
		return 0;
	if (!cpromi_http_page_next(p))
		return -1;
	a->out = p->buffer + p->start;
	a->left = p->end - p->start;
	return a->left > 0;
}

void
cpromi_http_answer_end(struct http_answer *a)
{
	if (a->counted != NULL)
		a->counted->scrapes--;
	cpromi_http_page_close(&a->page);
	cpromi_http_buffer_free(&a->bytes);
	*a = (struct http_answer){0};
}

void
cpromi_http_answer_abandon(struct http_answer *a)
{
	cpromi_http_page_abandon(&a->page);
	cpromi_http_buffer_free(&a->bytes);
}
