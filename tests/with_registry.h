/* SPDX-License-Identifier: MIT */
/*
 * with_registry: a registry of its own for each test, with the library's own metrics
 * unless REGISTRY_OPTIONS says otherwise. Included behind <cmocka.h>.
 */
#ifndef CPROM_TESTS_WITH_REGISTRY_H
#define CPROM_TESTS_WITH_REGISTRY_H

#include <cprom.h>

#ifndef REGISTRY_OPTIONS
#define REGISTRY_OPTIONS .self_metrics = 1
#endif

static cprom_registry *registry;

static int
setup(void **state)
{
	(void)state;
	registry = cprom_registry_new(REGISTRY_OPTIONS);
	return registry == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

#endif
