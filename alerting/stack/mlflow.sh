#!/bin/sh
# The MLflow server on PostgreSQL, with its password from a file: any process can read arguments.
set -eu

MLFLOW_BACKEND_STORE_URI="postgresql+psycopg://${MLFLOW_DB%%@*}:$(cat "$MLFLOW_DB_PASSWORD_FILE")@${MLFLOW_DB#*@}"
export MLFLOW_BACKEND_STORE_URI
exec mlflow server "$@"
