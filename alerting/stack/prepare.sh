#!/bin/sh
# Makes what docker-compose.yml mounts from .gatewatch-stack: random secrets and the folder of the plant. What is there
# stays as it is. Run it in the project's folder as the user who owns the plant: sh alerting/stack/prepare.sh
set -eu

folder=${1:-.gatewatch-stack}
umask 077
mkdir -p "$folder/secrets" "$folder/plant"
# Containers run under users of their own and see only the files they are given, so these must be readable to others;
# on this machine nobody gets past the folder, which is its owner's alone.
chmod 700 "$folder" "$folder/secrets"
for name in postgres_password gatewatch_db_password mlflow_db_password webhook_token grafana_admin_password; do
    file=$folder/secrets/$name
    # Hexadecimal digits need no escaping in a URL.
    [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
    chmod 444 "$file"
done
file=$folder/secrets/notify_urls
[ -e "$file" ] || printf '# A team and an Apprise URL a line: see docs/how-to/notifications.md\n' >"$file"
chmod 444 "$file"
echo "$folder: ready; put the plant file at $folder/plant/plant.yaml"
