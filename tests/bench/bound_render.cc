// SPDX-License-Identifier: MIT
/*
 * bound_render: the least for a line of a page: copy its name and labels, then make its digits.
 *
 * C has no shortest digits of a double; libstdc++ has them. The rest is plain C in all but name.
 */
#include "bench.h"
#include "rendered.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace
{

struct line {
	const char *text; /* from the value before to this one */
	size_t length;
	double value;
};

struct lines {
	std::vector<line> all;
};

lines pages[RENDERED_COUNT];
char piece[RENDERED_PIECE];

/* libstdc++ is slow where few digits are enough, so whole numbers and tenths go another way. */
char *
write_number(char *out, char *end, double v)
{
	const double tenths = v * 10;

	if (!std::isfinite(v)) {
		std::memcpy(out, std::isnan(v) ? "NaN " : v < 0 ? "-Inf" : "+Inf", 4);
		return out + (std::isnan(v) ? 3 : 4);
	}
	if (v < 1 || tenths >= 0x1p53 || std::trunc(tenths) != tenths || tenths / 10 != v)
		return std::to_chars(out, end, v).ptr;
	if (std::trunc(v) == v)
		return std::to_chars(out, end, static_cast<uint64_t>(v)).ptr;
	out = std::to_chars(out, end, static_cast<uint64_t>(tenths)).ptr;
	*out = out[-1];
	out[-1] = '.';
	return out + 1;
}

uint64_t
write(bench_thread *t)
{
	const lines *l = static_cast<const lines *>(t->subject);
	char *out = piece, *const end = piece + sizeof(piece);

	for (const line &i : l->all) {
		if (end - out < static_cast<ptrdiff_t>(i.length) + 32)
			out = piece;
		std::memcpy(out, i.text, i.length);
		out = write_number(out + i.length, end, i.value);
	}
	return l->all.size();
}

/* Its lines, each with what stands between the value before and its own. */
void
take_apart(lines *l, const struct rendered *page)
{
	const char *text = page->page, *value, *next;

	for (const char *p = text; *p != '\0'; p = next) {
		next = std::strchr(p, '\n') + 1;
		if (*p == '#')
			continue;
		for (value = next; value[-1] != ' '; value--)
			;
		l->all.push_back(
			{text, static_cast<size_t>(value - text), std::strtod(value, nullptr)});
		text = next - 1;
	}
}

} // namespace

int
main(int argc, char **argv)
{
	std::vector<bench_case> cases;

	rendered_make(argc > 3 ? argv[3] : "");
	for (size_t i = 0; i < RENDERED_COUNT; i++) {
		if (rendered[i].page != nullptr)
			take_apart(&pages[i], &rendered[i]);
		cases.push_back({rendered[i].what, BENCH_BOUND, 1, write, &pages[i], nullptr});
	}
	return bench_run(argc, argv, "render", cases.data(), cases.size());
}
