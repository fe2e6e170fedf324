#!/bin/sh
# Creates what docker-compose.yml mounts from .gatewatch-stack: random secrets and the folder of the plant. Existing
# files are kept. Run it in the project's folder as the user who owns the plant: sh alerting/stack/prepare.sh
set -eu

folder=${1:-.gatewatch-stack}
umask 077
mkdir -p "$folder/secrets" "$folder/plant"
# Containers run as other users and see only the files mounted into them, so these must be readable by others; on the
# host only the owner can enter the folder.
chmod 700 "$folder" "$folder/secrets"
for name in postgres_password gatewatch_db_password mlflow_db_password webhook_token grafana_admin_password; do
    file=$folder/secrets/$name
    # Hexadecimal digits need no escaping in a URL.
    [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
    chmod 444 "$file"
done
file=$folder/secrets/notify_urls
[ -e "$file" ] || printf '# One team and Apprise URL per line: see docs/how-to/notifications.md\n' >"$file"
chmod 444 "$file"
echo "$folder: ready; put the plant file at $folder/plant/plant.yaml"
