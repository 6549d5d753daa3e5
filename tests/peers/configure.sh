#!/bin/sh
# Writes a site's configuration: a station, and a scanner at it for each port.
# usage: configure.sh DIRECTORY PORT,PORT,... BROKER_HOST BROKER_PORT
set -eu
{
    cat <<END
[site]
id = "bench-site"
timezone = "Europe/Stockholm"
gs1_company_prefix = "7312345"

[storage]
path = "$1/parceld.db"

[broker]
url = "mqtt://$3:$4"

# The harness receives, and gives no receipts.
[sync]
forget = "puback"

[control]
socket = "$1/control.sock"

[web]
listen = "127.0.0.1:18971"

[[station]]
id = "bench"
mode = "pack"
END
    number=1
    for port in $(echo "$2" | tr , ' '); do
        cat <<END

[[scanner]]
id = "scanner-$number"
station = "bench"
driver = "line"
port = "$port"
bounce = "0s"
END
        number=$((number + 1))
    done
} >"$1/parceld.toml"
