# syntax=docker/dockerfile:1
# The image of the service: `api` (default) or `worker`. No embedded stores in it: MONGO_URL and REDIS_URL must be given.
# Another of the assistant's understanding: docker build --target rasa. It has its own Python, its model inside, and nothing of the service.
FROM python:3.12-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# Packages first: this layer stays until the lock changes.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY . .
# Bytecode of our own too: who runs it there may not write any, and every start would compile it anew.
RUN uv sync --frozen --no-default-groups && rm -r bot/rasa \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash -x '/[.]venv/' .

# Rasa 3.6 runs on no later Python.
FROM python:3.10-slim AS rasa-build
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /rasa
COPY bot/rasa/pyproject.toml bot/rasa/uv.lock ./
# Without compiled bytecode every start costs 16 CPU-seconds more.
RUN uv sync --frozen --compile-bytecode
COPY bot/rasa ./
COPY content/defaults/everyday /everyday
ENV RASA_TELEMETRY_ENABLED=false TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
RUN .venv/bin/python words.py /everyday words/matters.txt \
    && .venv/bin/python -m rasa train --config config.yml --domain domain.yml --data data --out models --fixed-model-name model \
    && .venv/bin/python -m compileall -q components \
    && rm -r .rasa

FROM python:3.10-slim AS rasa
RUN useradd --system --uid 10002 --user-group --no-create-home --shell /usr/sbin/nologin rasa
WORKDIR /rasa
COPY --from=rasa-build /rasa /rasa
ENV PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp \
    RASA_TELEMETRY_ENABLED=false \
    TF_CPP_MIN_LOG_LEVEL=3 \
    SQLALCHEMY_SILENCE_UBER_WARNING=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MAX_NUMBER_OF_PREDICTIONS=6 \
    TF_INTRA_OP_PARALLELISM_THREADS=1 \
    TF_INTER_OP_PARALLELISM_THREADS=1 \
    SANIC_WORKERS=1
USER 10002:10002
EXPOSE 5005
# / answers once the model is loaded.
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["/rasa/.venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5005/', timeout=2)"]
# No --enable-api: it could load other models. The webhook asks for no password, so this port is for the API's network alone.
ENTRYPOINT ["/rasa/.venv/bin/python", "-m", "rasa"]
CMD ["run", "--quiet", "-i", "0.0.0.0", "-p", "5005", "--model", "models/model.tar.gz", "--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]

FROM python:3.12-slim
# /data is for a volume: the worker's statements (ZHANGBAN_STATEMENTS), the API's uploads (ZHANGBAN_UPLOADS), or the sandbox's ledgers.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin zhangban \
    && install --directory --owner=10001 --group=10001 /data
WORKDIR /app
# Owned by root: the service cannot change its own code.
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ZHANGBAN_PROFILE=production \
    ZHANGBAN_HOST=0.0.0.0 \
    ZHANGBAN_PORT=8000
USER 10001:10001
EXPOSE 8000
# The worker listens on nothing: switch this off where it runs (compose.yaml does).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['ZHANGBAN_PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["zhangban"]
CMD ["api"]
