# SPDX-License-Identifier: MIT
# man/local.mk: the manual, one page per task.
#
# A page describes several calls; each name that its NAME section gives by .Nm
# becomes a link to the page when it is installed.
man_pages = \
	man/cprom.7 \
	man/cprom_collector_new.3 \
	man/cprom_counter_new.3 \
	man/cprom_dump_fd.3 \
	man/cprom_exemplars.3 \
	man/cprom_exposition.7 \
	man/cprom_gauge_new.3 \
	man/cprom_histogram_new.3 \
	man/cprom_info_new.3 \
	man/cprom_labels.3 \
	man/cprom_metrics.7 \
	man/cprom_process_enable.3 \
	man/cprom_registry_new.3 \
	man/cprom_scrape_open.3 \
	man/cprom_server_start.3 \
	man/cprom_stateset_new.3 \
	man/cprom_summary_new.3 \
	man/cprom_threads.7 \
	man/cprom_time.3 \
	man/cprom_tutorial.7 \
	man/cprom_write_textfile.3

dist_man_MANS = $(man_pages)

# Prints "page directory alias" for each alias of each page.
list_man_aliases = for page in $(man_pages); do \
		$(AWK) '/^\.Sh/ { in_name = $$2 == "NAME" } \
			in_name && $$1 == ".Nm" { print $$2 }' '$(srcdir)'/$$page | \
		while read name; do \
			file=$${page\#\#*/}; section=$${file\#\#*.}; \
			test "$$name.$$section" = "$$file" || \
				echo "$$file $(DESTDIR)$(mandir)/man$$section $$name.$$section"; \
		done; \
	done

install-data-hook:
	@$(list_man_aliases) | while read page dir alias; do \
		echo "$(LN_S) $$page $$dir/$$alias"; \
		(cd "$$dir" && rm -f "$$alias" && $(LN_S) "$$page" "$$alias") || exit 1; \
	done

uninstall-hook:
	@$(list_man_aliases) | while read page dir alias; do \
		echo "rm -f $$dir/$$alias"; \
		rm -f "$$dir/$$alias"; \
	done
