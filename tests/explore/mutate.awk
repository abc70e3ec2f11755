# SPDX-License-Identifier: MIT
# mutate: the number-th mutant of mutants.txt.
#
#	awk -v number=N -f mutate.awk mutants.txt            its name, file, arguments and why
#	awk -v number=N -v src=DIR -f mutate.awk mutants.txt its file, changed
#	awk -f mutate.awk mutants.txt                        how many there are
BEGIN {
	RS = ""
	FS = "\n"
}

/^#/ {
	next
}

++count == number {
	name = substr($1, 1, index($1, ": ") - 1)
	why = substr($1, index($1, ": ") + 2)
	file = substr($2, 6)
	run = substr($3, 5)
	for (i = 4; i < NF; i += 2) {
		from[++pairs] = substr($i, 3)
		to[pairs] = substr($(i + 1), 3)
	}
}

END {
	if (number == "") {
		print count
		exit 0
	}
	if (src == "") {
		printf "%s\n%s\n%s\n%s\n", name, file, run, why
		exit 0
	}
	RS = "\n"
	while ((getline line < (src "/" file)) > 0)
		text = text line "\n"
	for (i = 1; i <= pairs; i++) {
		at = index(text, from[i])
		if (at == 0 || index(substr(text, at + 1), from[i]) > 0) {
			print name ": not once in " file ": " from[i] > "/dev/stderr"
			exit 1
		}
		text = substr(text, 1, at - 1) to[i] substr(text, at + length(from[i]))
	}
	printf "%s", text
}
