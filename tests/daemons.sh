# SPDX-License-Identifier: MIT
# daemons: what scripts share that put servers of others around ours and ask with curl; sourced behind common.sh.
PATH=$PATH:/usr/sbin:/sbin
: "${NGINX:=nginx}"

# start_at PORT NAME COMMAND…: as start, a server that is told its port, and listens on loopback.
start_at()
{
	port=$1
	log=$tmp/$2.log
	shift 2
	"$@" >"$log" 2>&1 &
	pids="$pids $!"
	for _ in $(seq 100); do
		"$CURL" -s -m 5 -o "$tmp/nothing" "http://127.0.0.1:$port/"
		test $? -eq 7 || return 0
		kill -0 "$!" 2>/dev/null || break
		sleep 0.1
	done
	die "$* does not listen"
}

# free_ports NAME…: in each variable, a port of loopback that nobody has, nor soon takes: Linux gives
# odd ones to bind(), and even ones to connect() while there are any.
free_ports()
{
	numbers=$("$PYTHON3" -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in sys.argv[1:]]
print(*("%s=%d" % (name, s.getsockname()[1]) for name, s in zip(sys.argv[1:], held)))' "$@") || die "no ports"
	eval "$numbers"
}

# start_nginx PORT FILE: one that has the servers of the file, and needs nothing of the system's own.
start_nginx()
{
	{
		cat <<-END
			daemon off;
			user root;
			pid $tmp/nginx.pid;
			error_log stderr;
			events {}
			http {
			access_log off;
		END
		for kind in client_body proxy fastcgi uwsgi scgi; do
			echo "${kind}_temp_path $tmp/$kind;"
		done
		cat "$2"
		echo "}"
	} >"$tmp/nginx.conf"
	start_at "$1" nginx "$NGINX" -e stderr -c "$tmp/nginx.conf"
}

# answer STATUS ARGUMENT…: what curl is told with these; the heads go to $tmp/head, the body to $tmp/body.
answer()
{
	status=$1
	shift
	rm -f "$tmp/head" "$tmp/body"
	got=$("$CURL" -sS -g -m 20 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" 2>"$tmp/error")
	test "$got" = "$status" || {
		complain "$got, not $status: curl $(printf '%.200s' "$*")"
		cat "$tmp/error"
	}
}

# head_has PATTERN…: lines of the last answer's heads match, in any case of letters.
head_has()
{
	for pattern; do
		grep -qi -e "^$pattern" "$tmp/head" || {
			complain "no line like: $pattern"
			sed 's/^/    /' "$tmp/head"
		}
	done
}

# head_lacks PATTERN: no line of them does.
head_lacks()
{
	grep -i -e "^$1" "$tmp/head" && complain "a line like: $1"
}

# body_is FILE: that of the last answer.
body_is()
{
	cmp "$tmp/body" "$1" || complain "another body than $1: $(head -c 200 "$tmp/body")"
}
