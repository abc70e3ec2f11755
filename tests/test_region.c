/* SPDX-License-Identifier: MIT */
/*
 * Tests of region: R1 to R4, limits, exhaustion, and what a forked child sees.
 */
#include "region.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"

#define KB ((uint64_t)1 << 10)
#define MB ((uint64_t)1 << 20)
#define THREADS 4
#define MAX_OBJECTS 20000

struct home {
	struct region region;
	atomic_u32 message; /* from a child to its parent */
	char rest[100];
};

static struct home *
make_home(uint64_t limit, bool shared)
{
	struct region *r = cpromi_region_create(limit, shared, sizeof(struct home));

	assert_non_null(r);
	return (struct home *)r;
}

static uint32_t
random_u32(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static int
child_status(pid_t pid)
{
	int status = -1;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
all_zero(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const char *)p)[i] != 0)
			return false;
	return true;
}

/* ---- limits ----------------------------------------------------------------- */

static void
a_limit_or_header_out_of_range_is_refused(void **state)
{
	(void)state;
	errno = 0;
	assert_null(cpromi_region_create(REGION_FIRST_BYTES - 1, false, sizeof(struct home)));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(cpromi_region_create(REGION_MAX_BYTES + 1, false, sizeof(struct home)));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(cpromi_region_create(MB, false, REGION_FIRST_BYTES + 1));
	assert_int_equal(errno, EINVAL);
	cpromi_region_destroy(cpromi_region_create(REGION_FIRST_BYTES, true, sizeof(struct home)));
	cpromi_region_destroy(cpromi_region_create(REGION_MAX_BYTES, false, sizeof(struct home)));
}

static void
the_header_is_zeroed_and_the_callers_own(void **state)
{
	struct home *h = make_home(MB, false);
	char *first;

	(void)state;
	assert_true(
		all_zero((char *)h + sizeof(struct region), sizeof(*h) - sizeof(struct region)));
	first = cpromi_region_alloc(&h->region, 16);
	assert_true(first >= (char *)(h + 1));
	cpromi_region_destroy(&h->region);
}

static void
a_header_may_fill_the_first_segment(void **state)
{
	struct region *r = cpromi_region_create(MB, false, REGION_FIRST_BYTES);
	char *p;

	(void)state;
	assert_non_null(r);
	p = cpromi_region_alloc(r, 16);
	assert_non_null(p);
	assert_true(p < (char *)r || p >= (char *)r + REGION_FIRST_BYTES);
	cpromi_region_destroy(r);
}

/* ---- allocation ------------------------------------------------------------- */

struct object {
	unsigned char *p;
	size_t size;
	uint64_t offset;
};

static struct object objects[MAX_OBJECTS];

static size_t
fill(struct region *r, uint64_t seed)
{
	size_t n = 0, misses = 0;

	while (misses < 200) {
		uint32_t dice = random_u32(&seed);
		struct object *o = &objects[n];

		o->size = dice % 16 == 0 ? 1 + dice / 16 % 20000 : 1 + dice / 16 % 1500;
		o->p = cpromi_region_alloc(r, o->size);
		if (o->p == NULL) {
			misses++;
			continue;
		}
		assert_int_equal((uintptr_t)o->p % 16, 0);
		assert_true(all_zero(o->p, o->size));
		o->offset = (uint64_t)cpromi_region_ref(r, o->p) * 8;
		memset(o->p, (int)(n % 251 + 1), o->size);
		assert_true(++n < MAX_OBJECTS);
	}
	return n;
}

static int
by_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct object *)a)->offset, y = ((const struct object *)b)->offset;

	return (x > y) - (x < y);
}

static void
check_filled(struct region *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct object *o = &objects[i];

		assert_ptr_equal(cpromi_region_at(r, (region_ref)(o->offset / 8)), o->p);
		assert_true(o->offset >= sizeof(struct home) && o->offset + o->size <= r->limit);
		assert_int_equal(region_segment(o->offset),
				 region_segment(o->offset + o->size - 1)); /* R1 */
		for (size_t j = 0; j < o->size; j++)
			assert_true(o->p[j] == i % 251 + 1);
	}
	qsort(objects, n, sizeof(objects[0]), by_offset);
	for (size_t i = 1; i < n; i++)
		assert_true(objects[i - 1].offset + objects[i - 1].size <= objects[i].offset);
}

static void
objects_fill_a_region_apart_and_within_their_segments(void **state)
{
	static const uint64_t limits[] = {64 * KB, 100 * KB, 192 * KB, 3 * MB + 4097};

	(void)state;
	for (size_t i = 0; i < array_len(limits) * 2; i++) {
		struct home *h = make_home(limits[i / 2], i % 2);
		size_t n = fill(&h->region, i + 1);

		check_filled(&h->region, n);
		assert_true(load_relaxed(&h->region.used) <= limits[i / 2]);
		assert_true(load_relaxed(&h->region.used) >
			    limits[i / 2] - 1024); /* and it was filled */
		cpromi_region_destroy(&h->region);
	}
}

static void
no_reference_is_no_object_and_the_other_way_round(void **state)
{
	struct home *h = make_home(MB, false);
	int elsewhere;

	(void)state;
	assert_null(cpromi_region_at(&h->region, 0));
	assert_int_equal(cpromi_region_ref(&h->region, NULL), 0);
	assert_int_equal(cpromi_region_ref(&h->region, &elsewhere), 0);
	cpromi_region_free(&h->region, NULL, 16);
	cpromi_region_destroy(&h->region);
}

static void
carved_memory_is_aligned_and_zero(void **state)
{
	struct home *h = make_home(4 * MB, false);

	(void)state;
	for (size_t align = 1; align <= 4096; align *= 2)
		for (size_t size = 1; size < 5000; size += 1111) {
			void *p = cpromi_region_carve(&h->region, size, align);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % align, 0);
			assert_true(all_zero(p, size));
			memset(p, 0xFF, size);
		}
	cpromi_region_destroy(&h->region);
}

static void
an_exhausted_region_gives_null_and_keeps_errno(void **state)
{
	static const size_t sizes[] = {
		16, 17, 1000, 1025, 64 * KB, MB + 1, SIZE_MAX / 2 + 2, SIZE_MAX - 15, SIZE_MAX};
	struct home *h = make_home(MB, false);
	void *last = cpromi_region_alloc(&h->region, 16);

	(void)state;
	while (cpromi_region_alloc(&h->region, 16) != NULL)
		;
	errno = 77;
	for (size_t i = 0; i < array_len(sizes); i++) {
		assert_null(cpromi_region_alloc(&h->region, sizes[i]));
		assert_null(cpromi_region_carve(&h->region, sizes[i], 64));
	}
	assert_int_equal(errno, 77);
	assert_true(load_relaxed(&h->region.used) <= MB);
	cpromi_region_free(&h->region, last, 16);
	assert_ptr_equal(cpromi_region_alloc(&h->region, 16), last);
	cpromi_region_destroy(&h->region);
}

static int
exhaust_the_system(struct region *r)
{
	struct rlimit old, none;

	if (getrlimit(RLIMIT_AS, &old) != 0)
		return 1;
	none = (struct rlimit){1, old.rlim_max};
	if (setrlimit(RLIMIT_AS, &none) != 0)
		return 2;
	errno = 77;
	if (cpromi_region_alloc(r, 100 * KB) != NULL || errno != 77)
		return 3;
	if (cpromi_region_create(MB, false, sizeof(struct home)) != NULL || errno != ENOMEM)
		return 4;
	if (cpromi_region_alloc(r, 16) == NULL) /* of the first segment */
		return 5;
	setrlimit(RLIMIT_AS, &old);
	return cpromi_region_alloc(r, 100 * KB) == NULL ? 6 : 0;
}

static void
a_system_without_memory_gives_null_until_it_has_some(void **state)
{
	struct home *h = make_home(MB, false);
	pid_t pid;

	(void)state;
	skip_if_emulated("limits of the address space are ignored");
	pid = fork();
	if (pid == 0)
		_exit(exhaust_the_system(&h->region));
	assert_int_equal(child_status(pid), 0);
	cpromi_region_destroy(&h->region);
}

/* ---- free lists --------------------------------------------------------------- */

static void
a_freed_object_serves_its_class_again_zeroed(void **state)
{
	static const size_t freed[] = {1, 16, 100, 112, 1024, 1025, 2048, 5000};
	static const size_t same[] = {16, 1, 112, 97, 1009, 2048, 1025, 8192};
	static const size_t other[] = {17, 17, 113, 96, 1025, 1024, 2049, 8193};
	struct home *h = make_home(4 * MB, false);

	(void)state;
	for (size_t i = 0; i < array_len(freed); i++) {
		void *p = cpromi_region_alloc(&h->region, freed[i]);

		memset(p, 0xFF, freed[i]);
		cpromi_region_free(&h->region, p, freed[i]);
		assert_ptr_not_equal(cpromi_region_alloc(&h->region, other[i]), p);
		assert_ptr_equal(cpromi_region_alloc(&h->region, same[i]), p);
		assert_true(all_zero(p, same[i]));
	}
	cpromi_region_destroy(&h->region);
}

static void
a_head_seen_before_never_comes_back(void **state)
{
	struct home *h = make_home(MB, false);
	void *a = cpromi_region_alloc(&h->region, 16), *b = cpromi_region_alloc(&h->region, 16);
	atomic_u64 head;
	uint64_t seen[6];

	(void)state;
	store_relaxed(&head, 0);
	cpromi_stack_push(&h->region, &head, b);
	cpromi_stack_push(&h->region, &head, a);
	seen[0] = load_relaxed(&head); /* a thread stops here, about to pop a … */
	assert_ptr_equal(cpromi_stack_pop(&h->region, &head), a);
	assert_ptr_equal(cpromi_stack_pop(&h->region, &head), b);
	cpromi_stack_push(&h->region, &head,
			  a); /* … and would find a again, but no b behind it: R4 */
	assert_int_equal((uint32_t)load_relaxed(&head), (uint32_t)seen[0]);
	assert_true(load_relaxed(&head) != seen[0]);
	assert_ptr_equal(cpromi_stack_pop(&h->region, &head), a);
	assert_null(cpromi_stack_pop(&h->region, &head));
	store_relaxed(&head, (uint64_t)UINT32_MAX << 32); /* the count turns over */
	cpromi_stack_push(&h->region, &head, a);
	assert_ptr_equal(cpromi_stack_pop(&h->region, &head), a);
	assert_null(cpromi_stack_pop(&h->region, &head));
	cpromi_region_destroy(&h->region);
}

struct marked {
	uint32_t link;
	atomic_u32 owner;
};

struct worker {
	struct home *home;
	uint32_t id;
	uint32_t taken_twice;
	uint32_t failures;
};

static void *
take_and_free(void *arg)
{
	struct worker *w = arg;
	uint64_t seed = w->id;

	for (int i = 0; i < 20000; i++) {
		struct marked *held[3] = {NULL};
		size_t n = 1 + random_u32(&seed) % 3;

		for (size_t j = 0; j < n; j++) {
			held[j] = cpromi_region_alloc(&w->home->region, 32);
			w->failures += held[j] == NULL;
			if (held[j] != NULL)
				w->taken_twice += exchange_acq_rel(&held[j]->owner, w->id) != 0;
		}
		for (size_t j = 0; j < n; j++)
			if (held[j] != NULL) {
				w->taken_twice += exchange_acq_rel(&held[j]->owner, 0) != w->id;
				cpromi_region_free(&w->home->region, held[j], 32);
			}
	}
	return NULL;
}

static void *
take_and_keep(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 20000; i++) {
		struct marked *p = cpromi_region_carve(&w->home->region, sizeof(*p), 8);

		w->failures += p == NULL;
		if (p != NULL)
			w->taken_twice += exchange_acq_rel(&p->owner, w->id) != 0;
	}
	return NULL;
}

static void
run_workers(struct home *h, void *(*body)(void *))
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){h, i + 1, 0, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].taken_twice, 0);
		assert_int_equal(workers[i].failures, 0);
	}
}

static void
no_object_is_handed_to_two_threads(void **state)
{
	struct home *h = make_home(MB, false);

	(void)state;
	run_workers(h, take_and_free);
	/* Three each at a time: what was freed was used again. */
	assert_true(load_relaxed(&h->region.used) <= sizeof(*h) + CACHE_LINE + 3 * THREADS * 32);
	run_workers(h, take_and_keep);
	cpromi_region_destroy(&h->region);
}

/* ---- mapping ------------------------------------------------------------------ */

static void
a_private_region_maps_what_it_needs_and_a_shared_one_all(void **state)
{
	struct home *own = make_home(MB, false), *shared = make_home(MB, true);

	(void)state;
	assert_true(load_relaxed(&own->region.segments[1]) == 0);
	assert_non_null(cpromi_region_alloc(&own->region, 70 * KB));
	assert_true(load_relaxed(&own->region.segments[1]) != 0);
	assert_true(load_relaxed(&own->region.segments[2]) == 0);
	for (unsigned i = 0; i <= region_segment(MB - 1); i++)
		assert_true(load_relaxed(&shared->region.segments[i]) != 0);
	cpromi_region_destroy(&own->region);
	cpromi_region_destroy(&shared->region);
}

static int
leave_a_message(struct home *h, size_t size)
{
	char *p = cpromi_region_alloc(&h->region, size);

	if (p == NULL)
		return 1;
	memcpy(p, "from the child", 15);
	store_release(&h->message, cpromi_region_ref(&h->region, p));
	return 0;
}

static void
a_shared_region_is_one_for_parent_and_child(void **state)
{
	static const size_t sizes[] = {16, 100 * KB, 300 * KB};

	(void)state;
	for (size_t i = 0; i < array_len(sizes); i++) {
		struct home *h = make_home(4 * MB, true);
		pid_t pid = fork();
		char *p;

		if (pid == 0)
			_exit(leave_a_message(h, sizes[i]));
		assert_int_equal(child_status(pid), 0);
		p = cpromi_region_at(&h->region, load_acquire(&h->message));
		assert_non_null(p);
		assert_string_equal(p, "from the child");
		assert_ptr_not_equal(cpromi_region_alloc(&h->region, sizes[i]), p);
		cpromi_region_free(&h->region, p, sizes[i]);
		assert_ptr_equal(cpromi_region_alloc(&h->region, sizes[i]), p);
		cpromi_region_destroy(&h->region);
	}
}

static void
a_private_region_is_copied_by_fork(void **state)
{
	struct home *h = make_home(MB, false);
	uint64_t used = load_relaxed(&h->region.used);
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(leave_a_message(h, 16));
	assert_int_equal(child_status(pid), 0);
	assert_int_equal(load_relaxed(&h->message), 0);
	assert_true(load_relaxed(&h->region.used) == used);
	cpromi_region_destroy(&h->region);
}

static bool
is_mapped(const void *page)
{
	return msync((void *)((uintptr_t)page & ~(uintptr_t)4095), 4096, MS_ASYNC) == 0;
}

static void
memory_goes_back_to_the_system_with_the_region_and_not_before(void **state)
{
	(void)state;
	skip_if_emulated("what a program of 32 bits gives back stays reserved");
	for (int shared = 0; shared < 2; shared++) {
		struct home *h = make_home(900 * KB, shared);
		char *first = cpromi_region_alloc(&h->region, 30 * KB);
		char *second = cpromi_region_alloc(&h->region, 100 * KB);
		char *third = cpromi_region_alloc(&h->region, 200 * KB);
		char *last = cpromi_region_alloc(
			&h->region, 200 * KB); /* in a segment that the limit cuts short */

		assert_non_null(last);
		cpromi_region_free(&h->region, second, 100 * KB);
		assert_true(is_mapped(first) && is_mapped(second + 100 * KB) &&
			    is_mapped(last)); /* R2 */
		cpromi_region_destroy(&h->region);
		assert_false(is_mapped(first));
		assert_false(is_mapped(second));
		assert_false(is_mapped(second + 100 * KB));
		assert_false(is_mapped(third));
		assert_false(is_mapped(last));
		assert_false(is_mapped(last + 200 * KB));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_or_header_out_of_range_is_refused),
		cmocka_unit_test(the_header_is_zeroed_and_the_callers_own),
		cmocka_unit_test(a_header_may_fill_the_first_segment),
		cmocka_unit_test(objects_fill_a_region_apart_and_within_their_segments),
		cmocka_unit_test(no_reference_is_no_object_and_the_other_way_round),
		cmocka_unit_test(carved_memory_is_aligned_and_zero),
		cmocka_unit_test(an_exhausted_region_gives_null_and_keeps_errno),
		cmocka_unit_test(a_system_without_memory_gives_null_until_it_has_some),
		cmocka_unit_test(a_freed_object_serves_its_class_again_zeroed),
		cmocka_unit_test(a_head_seen_before_never_comes_back),
		cmocka_unit_test(no_object_is_handed_to_two_threads),
		cmocka_unit_test(a_private_region_maps_what_it_needs_and_a_shared_one_all),
		cmocka_unit_test(a_shared_region_is_one_for_parent_and_child),
		cmocka_unit_test(a_private_region_is_copied_by_fork),
		cmocka_unit_test(memory_goes_back_to_the_system_with_the_region_and_not_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
