# SPDX-License-Identifier: MIT
# tests/local.mk: what `make check` runs.
#
# A new unit test tests/test_NAME.c is one line in unit_tests, a new script one
# line in house_tests (the source text), e2e_tests (the built whole, with the
# sanitizers too) or around_tests (what stands around the library: examples,
# installation, other servers; in one build alone).
# `make check-unit`, `check-house`, `check-e2e` and `check-around` run one kind,
# check-run what runs the library.
unit_tests = \
	tests/test_access \
	tests/test_activation \
	tests/test_address \
	tests/test_bounds \
	tests/test_bucket \
	tests/test_buffer \
	tests/test_build_info \
	tests/test_clock \
	tests/test_clock_steps \
	tests/test_collector \
	tests/test_collision \
	tests/test_counter \
	tests/test_crc32 \
	tests/test_default \
	tests/test_definition \
	tests/test_deflate \
	tests/test_dump \
	tests/test_epoch \
	tests/test_error \
	tests/test_escape \
	tests/test_exemplar \
	tests/test_exhaustion \
	tests/test_exponential \
	tests/test_family \
	tests/test_flooding \
	tests/test_fork \
	tests/test_gauge \
	tests/test_guard \
	tests/test_hash \
	tests/test_histogram \
	tests/test_hostile \
	tests/test_http_conformance \
	tests/test_http_parse \
	tests/test_http_query \
	tests/test_huffman \
	tests/test_index \
	tests/test_info \
	tests/test_instrument \
	tests/test_kinship \
	tests/test_label_text \
	tests/test_labels \
	tests/test_lane \
	tests/test_lines \
	tests/test_metric \
	tests/test_name \
	tests/test_naming \
	tests/test_native \
	tests/test_negotiate \
	tests/test_number \
	tests/test_openmetrics \
	tests/test_part \
	tests/test_process \
	tests/test_protobuf \
	tests/test_region \
	tests/test_registry \
	tests/test_scrape \
	tests/test_selection \
	tests/test_self \
	tests/test_server \
	tests/test_shape \
	tests/test_shown \
	tests/test_signals \
	tests/test_sink \
	tests/test_sketch \
	tests/test_stateset \
	tests/test_summary \
	tests/test_table \
	tests/test_text \
	tests/test_textfile \
	tests/test_threads \
	tests/test_timer \
	tests/test_utf8_names

house_tests = \
	tests/house_abi.sh \
	tests/house_crc32_table.sh \
	tests/house_doors.sh \
	tests/house_floors.sh \
	tests/house_headers.sh \
	tests/house_man.sh \
	tests/house_man_examples.sh \
	tests/house_man_promlint.sh \
	tests/house_man_synopsis.sh \
	tests/house_number_table.sh \
	tests/house_symbols.sh \
	tests/house_text.sh

e2e_tests = \
	tests/abuse.sh \
	tests/cardinality.sh \
	tests/churn.sh \
	tests/e2e_environment.sh \
	tests/e2e_example.sh \
	tests/e2e_formats.sh \
	tests/e2e_gzip.sh \
	tests/e2e_install.sh \
	tests/e2e_prefork.sh \
	tests/e2e_prometheus.sh \
	tests/formats.sh \
	tests/page_judges.sh \
	tests/prefork.sh \
	tests/protobuf_judges.sh \
	tests/random_names.sh \
	tests/scrape_memory.sh \
	tests/stress.sh

around_tests = \
	tests/e2e_embedding.sh \
	tests/e2e_handlers.sh \
	tests/e2e_http.sh \
	tests/e2e_hub_usage.sh \
	tests/e2e_json_exporter.sh \
	tests/e2e_release.sh \
	tests/e2e_tls.sh \
	tests/e2e_workshop.sh \
	tests/kernels.sh \
	tests/tutorial.sh

# Compiles the core for itself; see explore/local.mk.
explore_tests = tests/explore.sh

# Included, read or run by the tests above.
test_helpers = \
	tests/accept_proxy.py \
	tests/check_formats.py \
	tests/check_hub_usage.py \
	tests/check_openmetrics.py \
	tests/check_page.py \
	tests/check_protobuf.py \
	tests/check_synopsis.py \
	tests/check_workshop.py \
	tests/common.sh \
	tests/compare_jobs.py \
	tests/daemons.sh \
	tests/decode_values.h \
	tests/emulated.h \
	tests/expect.h \
	tests/gen_crc32_table.py \
	tests/gen_number_table.py \
	tests/grafana_proxy.py \
	tests/guard_page.h \
	tests/heap.h \
	tests/json_expected.py \
	tests/json_sources.py \
	tests/long_run.h \
	tests/metrics.proto \
	tests/page.h \
	tests/pester.py \
	tests/promql.py \
	tests/read_names.py \
	tests/with_registry.h \
	tests/wrapped_clock.h

# Programs that scripts or check-long run; they use no cmocka.
helper_programs = \
	tests/abuse \
	tests/cardinality \
	tests/churn \
	tests/format_daemon \
	tests/http_daemon \
	tests/pages \
	tests/prefork \
	tests/random_names \
	tests/random_registries \
	tests/scrape_memory \
	tests/stress \
	tests/without

plain_tests =
check_PROGRAMS = $(helper_programs)
if HAVE_CMOCKA
plain_tests += $(unit_tests)
check_PROGRAMS += $(unit_tests)
endif
if HAVE_CXX
plain_tests += tests/test_cplusplus
check_PROGRAMS += tests/test_cplusplus
endif
tests_test_cplusplus_SOURCES = tests/test_cplusplus.cc

# Static: the private cpromi_ functions are within reach of the tests.
AM_DEFAULT_SOURCE_EXT = .c
LDADD = libcprom.la -lm $(CMOCKA_LIBS)

# The judge of what is compressed.
tests_test_deflate_LDADD = $(LDADD) $(ZLIB_LIBS)
tests_test_deflate_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_ZLIB=$(HAVE_ZLIB)
tests_test_server_LDADD = $(LDADD) $(ZLIB_LIBS)
tests_test_server_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_ZLIB=$(HAVE_ZLIB)

# With tests/heap.h between the library and malloc.
heap_ldflags = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
tests_test_exhaustion_LDFLAGS = $(heap_ldflags) -Wl,--wrap=mmap,--wrap=open,--wrap=socket,--wrap=accept4,--wrap=strdup \
	-Wl,--wrap=epoll_create1,--wrap=epoll_ctl,--wrap=eventfd,--wrap=timerfd_create,--wrap=pthread_create \
	-Wl,--wrap=cpromi_region_alloc,--wrap=cpromi_region_carve
# With tests/wrapped_clock.h between the library and the clock.
clock_ldflags = -Wl,--wrap=clock_gettime,--wrap=__clock_gettime64
tests_test_clock_steps_LDFLAGS = $(AM_LDFLAGS) $(clock_ldflags)
tests_test_hash_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getrandom
tests_test_lane_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=syscall
tests_test_protobuf_LDFLAGS = $(heap_ldflags) $(clock_ldflags)
tests_test_scrape_LDFLAGS = $(heap_ldflags)
tests_test_server_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4
tests_test_sink_LDFLAGS = $(heap_ldflags)
tests_scrape_memory_LDFLAGS = $(heap_ldflags)

# Minutes of random doubles; run by check-long alone.
EXTRA_PROGRAMS = tests/sweep_number
CLEANFILES += tests/sweep_number

TESTS = $(plain_tests) $(house_tests) $(e2e_tests) $(around_tests) $(explore_tests)

# No test runs longer than this many seconds. TEST_WRAPPER is for the caller.
TEST_TIMEOUT = 600
TEST_WRAPPER =
run_bounded = $(TEST_WRAPPER) timeout -k 10 $(TEST_TIMEOUT)
TEST_EXTENSIONS = .sh .py
LOG_COMPILER = $(run_bounded)
SH_LOG_COMPILER = $(run_bounded) $(SHELL)
PY_LOG_COMPILER = $(run_bounded) $(PYTHON3)

AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	PACKAGE_VERSION='$(PACKAGE_VERSION)'; export PACKAGE_VERSION; \
	SANITIZER='$(SANITIZER)'; export SANITIZER; \
	CC='$(CC)'; export CC; \
	NM='$(NM)'; export NM; \
	MAKE='$(MAKE)'; export MAKE; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; \
	PROMETHEUS='$(PROMETHEUS)'; export PROMETHEUS; \
	PROMTOOL='$(PROMTOOL)'; export PROMTOOL; \
	MANDOC='$(MANDOC)'; export MANDOC; \
	CURL='$(CURL)'; export CURL;

check-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(plain_tests)'

check-run:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(plain_tests) $(e2e_tests)'

check-house:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(house_tests)'

check-e2e:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(e2e_tests)'

check-abi:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/house_abi.sh

# Needs abidw of libabigail, a build with -g, and x86-64.
record-abi: libcprom.la
	abidw --headers-dir $(srcdir)/include --drop-private-types --exported-interfaces-only --no-corpus-path \
		--no-comp-dir-path --no-show-locs --no-elf-needed --no-write-default-sizes --type-id-style hash \
		.libs/libcprom.so >$(srcdir)/src/cprom.abi

check-around:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(around_tests)'

# prefork.sh and stress.sh side by side: ten minutes of everything at once. Three quarters of an hour in all.
check-long: check tests/sweep_number
	./tests/sweep_number 300
	PREFORK_SECONDS=800 STRESS_SECONDS=500 $(MAKE) $(AM_MAKEFLAGS) -j2 check \
		TESTS='tests/prefork.sh tests/stress.sh' TEST_TIMEOUT=3600
	./tests/churn 50000000
	ABUSE=long $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/abuse.sh
	./tests/cardinality 10000000
	FORMATS=10000 $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/formats.sh
	EXPLORE=long $(MAKE) $(AM_MAKEFLAGS) check-explore TEST_TIMEOUT=3600

# The unit tests on other machines, with musl, and as other options of compilers make them: see cross.sh.
check-cross:
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/cross.sh $(CROSS_TARGETS)

# The style that .clang-format describes; what macros take part in is laid out by hand.
lint:
	cd $(srcdir) && $(CLANG_FORMAT) --dry-run -Werror src/*.[ch] tests/*.[ch] tests/explore/*.[ch] \
		tests/fuzz/*.c tests/bench/*.[ch] tests/bench/*.cc tests/bench/peers/*.cc

.PHONY: check-abi record-abi check-unit check-run check-house check-e2e check-around check-cross check-long lint

EXTRA_DIST += tests/cross.sh $(house_tests) $(e2e_tests) $(around_tests) $(explore_tests) $(test_helpers)
