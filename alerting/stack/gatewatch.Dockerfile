# Gatewatch with the exact versions of constraints.txt.
FROM python:3.11.10-slim-bookworm

# An extra package index, such as one with torch's CPU builds: the default builds bring gigabytes for GPUs.
ARG PIP_EXTRA_INDEX_URL=""

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /src
# Dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" \
        > requirements.txt \
    && pip install -c constraints.txt -r requirements.txt
COPY alerting alerting
COPY dashboards dashboards
COPY detectors detectors
COPY exporters exporters
COPY inference inference
COPY monitor monitor
RUN pip install --no-deps . && rm -rf /src/*
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin gatewatch
ENV DO_NOT_TRACK=1 HOME=/tmp MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /plant
USER 10001:10001
EXPOSE 9464
ENTRYPOINT ["gatewatch"]
CMD ["run", "/plant/plant.yaml"]
