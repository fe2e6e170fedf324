#!/bin/sh
# The MLflow server on PostgreSQL, its password read from a file: an argument could be read by any process.
set -eu

MLFLOW_BACKEND_STORE_URI="postgresql+psycopg://${MLFLOW_DB%%@*}:$(cat "$MLFLOW_DB_PASSWORD_FILE")@${MLFLOW_DB#*@}"
export MLFLOW_BACKEND_STORE_URI
exec mlflow server "$@"
