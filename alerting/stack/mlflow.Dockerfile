# The MLflow server in the version Gatewatch was tested with.
FROM python:3.11.10-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY constraints.txt /tmp/constraints.txt
RUN pip install -c /tmp/constraints.txt mlflow "psycopg[binary]" && rm /tmp/constraints.txt
COPY --chmod=555 alerting/stack/mlflow.sh /usr/local/bin/mlflow-on-postgres
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin mlflow \
    && install -d -o mlflow -g mlflow /mlartifacts
ENV HOME=/tmp
WORKDIR /tmp
USER 10001:10001
EXPOSE 5000
ENTRYPOINT ["mlflow-on-postgres"]
