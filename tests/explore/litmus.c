/* SPDX-License-Identifier: MIT */
/*
 * litmus: small programs with a known answer, the test of the machine itself.
 *
 * Each says in which modes its outcome must be found; in the others it must not be. The
 * names are the usual ones (J. Alglave et al., "Herding cats", TOPLAS 36(2), 2014).
 */
#include "atomic.h"
#include "machine.h"

static atomic_u64 x, y;
static uint64_t plain;
static EXPLORE_STATE uint64_t a, b, c, d;

static void
none(void)
{
}

/* ---- store buffering ----------------------------------------------------------- */

static void
sb_left(void)
{
	store_relaxed(&x, 1);
	a = load_relaxed(&y);
}

static void
sb_right(void)
{
	store_relaxed(&y, 1);
	b = load_relaxed(&x);
}

static void
sb_left_ordered(void)
{
	store_release(&x, 1);
	a = load_acquire(&y);
}

static void
sb_left_fenced(void)
{
	store_relaxed(&x, 1);
	fence_full();
	a = load_relaxed(&y);
}

static void
sb_right_fenced(void)
{
	store_relaxed(&y, 1);
	fence_full();
	b = load_relaxed(&x);
}

static void
sb_right_membarrier(void)
{
	store_relaxed(&y, 1);
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	b = load_relaxed(&x);
}

static void
sb_left_seq_cst(void)
{
	store_seq_cst(&x, 1);
	a = load_seq_cst(&y);
}

static void
sb_right_seq_cst(void)
{
	store_seq_cst(&y, 1);
	b = load_seq_cst(&x);
}

static void
sb_left_change(void)
{
	add_relaxed(&x, 1);
	a = load_relaxed(&y);
}

static void
sb_right_change(void)
{
	add_relaxed(&y, 1);
	b = load_relaxed(&x);
}

static void
both_zero(void)
{
	machine_outcome(a == 0 && b == 0);
}

/* ---- message passing ------------------------------------------------------------- */

static void
mp_write(void)
{
	store_relaxed(&x, 1);
	store_relaxed(&y, 1);
}

static void
mp_write_release(void)
{
	store_relaxed(&x, 1);
	store_release(&y, 1);
}

static void
mp_write_fenced(void)
{
	store_relaxed(&x, 1);
	fence_full();
	store_relaxed(&y, 1);
}

/* A relaxed store of the same thread continues the release sequence. */
static void
mp_write_sequence(void)
{
	store_relaxed(&x, 1);
	store_release(&y, 2);
	store_relaxed(&y, 1);
}

static void
mp_write_head(void)
{
	store_relaxed(&x, 1);
	store_release(&y, 2);
}

/* So does another's read-modify-write. */
static void
mp_change(void)
{
	uint64_t two = 2;

	cas_relaxed(&y, &two, 1);
}

static void
mp_overwrite(void)
{
	if (load_relaxed(&y) == 2)
		store_relaxed(&y, 1);
}

static void
mp_read(void)
{
	a = load_relaxed(&y);
	b = load_relaxed(&x);
}

static void
mp_read_acquire(void)
{
	a = load_acquire(&y);
	b = load_relaxed(&x);
}

static void
mp_read_fenced(void)
{
	a = load_relaxed(&y);
	fence_full();
	b = load_relaxed(&x);
}

static void
flag_without_data(void)
{
	machine_outcome(a == 1 && b == 0);
}

/* ---- coherence and orders of writes -------------------------------------------------- */

static void
write_x_twice(void)
{
	store_relaxed(&x, 1);
	store_relaxed(&x, 2);
}

static void
read_x_twice(void)
{
	a = load_relaxed(&x);
	b = load_relaxed(&x);
}

static void
went_back(void)
{
	machine_outcome(a > b);
}

static void
two_left(void)
{
	store_relaxed(&x, 1);
	store_relaxed(&y, 2);
}

static void
two_right(void)
{
	store_relaxed(&y, 1);
	store_relaxed(&x, 2);
}

static void
both_first(void)
{
	machine_outcome(x == 1 && y == 1);
}

static void
write_x(void)
{
	store_release(&x, 1);
}

static void
write_y(void)
{
	store_release(&y, 1);
}

static void
read_x_then_y(void)
{
	a = load_acquire(&x);
	b = load_acquire(&y);
}

static void
read_y_then_x(void)
{
	c = load_acquire(&y);
	d = load_acquire(&x);
}

static void
disagree(void)
{
	machine_outcome(a == 1 && b == 0 && c == 1 && d == 0);
}

static void
add_one(void)
{
	add_relaxed(&x, 1);
}

static void
add_owned(void)
{
	add_owned_release(&x, 1);
}

static void
lost_one(void)
{
	machine_outcome(x != 2);
}

/* A store that drains after another thread's read-modify-write, which did not see it. */
static void
late_store(void)
{
	store_relaxed(&x, 7);
	store_relaxed(&y, 1);
}

static void
change_after_flag(void)
{
	a = load_acquire(&y);
	b = exchange_acq_rel(&x, 5);
}

static void
overtaken(void)
{
	machine_outcome(a == 1 && b == 0);
}

/* ---- races ---------------------------------------------------------------------------- */

/* machine_fail() is what these must come to; see `races` in explore.sh. */
static void
plain_write(void)
{
	plain = 1;
	store_release(&x, 1);
}

static void
plain_write_relaxed(void)
{
	plain = 1;
	store_relaxed(&x, 1);
}

static void
plain_read(void)
{
	if (load_acquire(&x) == 1)
		a = plain;
}

static void
plain_read_relaxed(void)
{
	if (load_relaxed(&x) == 1)
		a = plain;
}

static void
plain_read_fenced(void)
{
	if (load_relaxed(&x) == 1) {
		fence_full();
		a = plain;
	}
}

static void
plain_twice(void)
{
	plain = plain + 1;
}

static void
spin(void)
{
	while (load_acquire(&x) == 0)
		;
}

static void
give_x(void)
{
	store_release(&x, 1);
}

#define LITMUS(name, about, check, modes, ...)                                                     \
	{                                                                                          \
		name, about, none, {__VA_ARGS__}, check, .litmus = (modes), .is_litmus = true,     \
							 .depth = {                                \
								 3,                                \
								 3,                                \
								 0                                 \
							 }                                         \
	}

const struct program litmus_programs[] = {
	LITMUS("sb", "store buffering", both_zero, IN_WEAK, sb_left, sb_right),
	LITMUS("sb-release", "release and acquire do not help", both_zero, IN_WEAK, sb_left_ordered,
	       sb_right),
	LITMUS("sb-fences", "two fences do", both_zero, 0, sb_left_fenced, sb_right_fenced),
	LITMUS("sb-one-fence", "one does not", both_zero, IN_WEAK, sb_left_fenced, sb_right),
	LITMUS("sb-membarrier", "one membarrier does", both_zero, 0, sb_left, sb_right_membarrier),
	LITMUS("sb-seq-cst", "seq_cst accesses do", both_zero, 0, sb_left_seq_cst,
	       sb_right_seq_cst),
	LITMUS("sb-change", "read-modify-writes do on x86", both_zero, IN(MODE_PSO) | IN(MODE_C11),
	       sb_left_change, sb_right_change),
	LITMUS("mp", "message passing", flag_without_data, IN(MODE_PSO) | IN(MODE_C11), mp_write,
	       mp_read),
	LITMUS("mp-acquire", "acquire alone", flag_without_data, IN(MODE_PSO) | IN(MODE_C11),
	       mp_write, mp_read_acquire),
	LITMUS("mp-release", "release alone", flag_without_data, IN(MODE_C11), mp_write_release,
	       mp_read),
	LITMUS("mp-both", "release and acquire", flag_without_data, 0, mp_write_release,
	       mp_read_acquire),
	LITMUS("mp-fences", "two fences", flag_without_data, 0, mp_write_fenced, mp_read_fenced),
	LITMUS("mp-sequence", "a release sequence of one thread", flag_without_data, 0,
	       mp_write_sequence, mp_read_acquire),
	LITMUS("mp-change", "a release sequence through a change", flag_without_data, 0,
	       mp_write_head, mp_change, mp_read_acquire),
	LITMUS("mp-overwritten", "another's store ends the sequence", flag_without_data,
	       IN(MODE_PSO) | IN(MODE_C11), mp_write_head, mp_overwrite, mp_read_acquire),
	LITMUS("corr", "reads of one word do not go back", went_back, 0, write_x_twice,
	       read_x_twice),
	LITMUS("2+2w", "stores in two orders", both_first, IN(MODE_PSO) | IN(MODE_C11), two_left,
	       two_right),
	LITMUS("iriw", "readers disagree", disagree, IN_WEAK, write_x, write_y, read_x_then_y,
	       read_y_then_x),
	LITMUS("changes", "additions are not lost", lost_one, 0, add_one, add_one),
	LITMUS("changes-owned", "those of an owner are, if there are two", lost_one, IN_ALL,
	       add_owned, add_owned),
	LITMUS("overtaken", "a change before an earlier store", overtaken,
	       IN(MODE_PSO) | IN(MODE_C11), late_store, change_after_flag),
	LITMUS("no-race", "plain data behind release and acquire", none, 0, plain_write,
	       plain_read),
	LITMUS("no-race-fence", "a fence for the acquire", none, 0, plain_write, plain_read_fenced),
	LITMUS("spin-met", "what waits for another thread runs away only if frozen", none, 0,
	       give_x, none),
	{0},
};

/* These must fail. */
const struct program failing_programs[] = {
	LITMUS("race", "plain writes", none, 0, plain_twice, plain_twice),
	LITMUS("race-release", "a missing release", none, 0, plain_write_relaxed, plain_read),
	LITMUS("race-acquire", "a missing acquire", none, 0, plain_write, plain_read_relaxed),
	{"waits",
	 "not lock-free: waits for a thread",
	 none,
	 {spin, give_x},
	 none,
	 .progress = 100,
	 .depth = {2, 2, 1}},
	{0},
};
