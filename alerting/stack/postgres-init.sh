#!/bin/sh
# Run once by the postgres image on an empty volume: a role and a database each for Gatewatch and for MLflow.
set -eu

secrets=${SECRETS:-/run/secrets}

database() { # role, database, file of its password
    # The password goes in by standard input: any process can read arguments.
    psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres <<SQL
CREATE ROLE $1 LOGIN PASSWORD '$(cat "$secrets/$3")';
CREATE DATABASE $2 OWNER $1;
REVOKE ALL ON DATABASE $2 FROM PUBLIC;
SQL
}

database gatewatch_store gatewatch gatewatch_db_password
database mlflow mlflow mlflow_db_password
