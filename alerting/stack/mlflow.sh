#!/bin/sh
# The MLflow server on PostgreSQL. Its password stays in a file, which PostgreSQL's library reads: any process can read the
# arguments of another, and whatever this one starts inherits its variables.
set -eu

umask 077
PGPASSFILE=$PWD/.pgpass
printf '*:*:*:*:%s\n' "$(sed 's/[\\:]/\\&/g' "$MLFLOW_DB_PASSWORD_FILE")" >"$PGPASSFILE"
MLFLOW_BACKEND_STORE_URI="postgresql+psycopg://$MLFLOW_DB"
export PGPASSFILE MLFLOW_BACKEND_STORE_URI
exec mlflow server "$@"
