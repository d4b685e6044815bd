#!/usr/bin/env bash
# A PostgreSQL for tests: on loopback, with a folder and a port of its own, gone with `stop`.
#
#   eval "$(scripts/postgres.sh start)"   starts it, or finds it running, and sets HIGHWATER_POSTGRES, which tests
#                                         read, and PGHOST, PGPORT and so on, which psql and jobs read
#   scripts/postgres.sh url               prints its URL
#   scripts/postgres.sh stop              ends it, and removes its folder
#
# It asks for a password and speaks TLS, with a certificate for localhost and 127.0.0.1 that is signed by
# FOLDER/root.crt. The folder is $HIGHWATER_POSTGRES_HOME, else one in the temporary folder. As root the server
# runs as the user `postgres`, or `nobody`. Where PostgreSQL is missing it says how to install it; with CI set it
# does so itself.
set -euo pipefail

home=${HIGHWATER_POSTGRES_HOME:-${TMPDIR:-/tmp}/highwater-postgres-$UID}
user=highwater password=highwater database=highwater

fail() { echo "postgres.sh: $*" >&2; exit 1; }

# The folder of the newest installed server.
newest() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin | sort -Vr); do
        [ -x "$folder/initdb" ] && { echo "$folder"; return; }
    done
    command -v initdb >/dev/null && dirname "$(command -v initdb)"
}

find_server() {
    bin=$(newest) && return
    [ -n "${CI:-}" ] || fail "PostgreSQL is not installed: apt-get install postgresql"
    # Debian would start a server of its own.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql openssl; } >&2
    bin=$(newest) || fail "PostgreSQL could not be installed"
}

# Runs a command as who runs the server: it refuses to be root.
as_server() {
    if [ "$UID" != 0 ]; then "$@"; return; fi
    (cd / && runuser -u "$owner" -- env -u CARGO_HOME "$@")
}
owner=postgres
id postgres >/dev/null 2>&1 || owner=nobody

running() { [ -f "$home/port" ] && as_server "$bin/pg_ctl" -D "$home/data" status >/dev/null 2>&1; }

url() { echo "postgres://$user:$password@127.0.0.1:$(cat "$home/port")/$database"; }

# A certificate of 127.0.0.1, and the root that signed it, which is nobody else's.
certificates() {
    command -v openssl >/dev/null || fail "openssl is not installed: apt-get install openssl"
    local at=$home/tls
    mkdir -p "$at"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=highwater test root' \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
        -keyout "$at/root.key" -out "$home/root.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' \
        -keyout "$at/server.key" -out "$at/server.csr" 2>/dev/null
    printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' 'basicConstraints=CA:FALSE' 'extendedKeyUsage=serverAuth' >"$at/server.ext"
    openssl x509 -req -days 3650 -in "$at/server.csr" -CA "$home/root.crt" -CAkey "$at/root.key" -CAcreateserial \
        -extfile "$at/server.ext" -out "$at/server.crt" 2>/dev/null
    chmod 600 "$at"/*.key
}

create() {
    # The name is guessable and the temporary folder everybody's: only a folder that was not there is ours.
    rm -rf "$home"
    mkdir -m 755 "$home"
    certificates
    echo "$password" >"$home/password"
    [ "$UID" != 0 ] || chown -R "$owner" "$home"
    as_server "$bin/initdb" -D "$home/data" -U "$user" --pwfile="$home/password" -A scram-sha-256 -E UTF8 --no-locale --no-sync >/dev/null
    cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$home'
ssl = on
ssl_cert_file = '$home/tls/server.crt'
ssl_key_file = '$home/tls/server.key'
# Nothing here is worth a disk's time.
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 60
CONF
}

start() {
    if running; then return; fi
    create
    # A port that is taken is only known by trying.
    local port
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 12000))
        if as_server "$bin/pg_ctl" -D "$home/data" -l "$home/log" -o "-p $port" -w -t 60 start >/dev/null 2>&1 </dev/null; then
            echo "$port" >"$home/port"
            PGPASSWORD=$password as_server "$bin/createdb" -h 127.0.0.1 -p "$port" -U "$user" "$database"
            return
        fi
    done
    cat "$home/log" >&2
    fail "the server does not start"
}

case ${1:-} in
start)
    find_server
    # One at a time: two would make the folder twice.
    exec 9>"$home.lock"
    flock 9
    start 9>&-
    echo "export HIGHWATER_POSTGRES='$(url)'"
    echo "export PGHOST=127.0.0.1 PGPORT=$(cat "$home/port") PGUSER=$user PGPASSWORD=$password PGDATABASE=$database"
    ;;
url)
    [ -f "$home/port" ] || fail "it is not running: scripts/postgres.sh start"
    url
    ;;
stop)
    find_server
    running && as_server "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null
    rm -rf "$home" "$home.lock"
    ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
