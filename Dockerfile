# syntax=docker/dockerfile:1
# One image for production: `api` (default) or `worker`. No embedded stores in it: MONGO_URL and REDIS_URL must be given.
FROM python:3.12-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# Packages first: this layer stays until the lock changes.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY . .
RUN uv sync --frozen --no-default-groups

FROM python:3.12-slim
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
