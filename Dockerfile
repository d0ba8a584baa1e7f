# One image for every process of ours, MLflow's server and the report pages included.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY pyproject.toml constraints.txt ./
# XGBoost's project publishes the same package without its GPU half, which would be 700 MB that no stream here uses
RUN sed -i 's/"xgboost>=/"xgboost-cpu>=/' pyproject.toml \
 && sed -i 's/^xgboost==/xgboost-cpu==/' constraints.txt \
 && python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
      print(*project["dependencies"], *project["optional-dependencies"]["server"], sep="\n")' > requirements.txt
# dependencies in a layer of their own: a change of our code does not install them again
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --prefix=/install -c constraints.txt -r requirements.txt
# 160 MB that no process needs: the large packages' own tests, and the bytecode of Plotly's 15,000 generated modules,
# of which a report takes a few (0.4 s to compile)
RUN cd /install/lib/python3.11/site-packages \
 && find matplotlib mpl_toolkits numpy pandas pyarrow scipy sklearn statsmodels -type d -name tests -prune -exec rm -r {} + \
 && find plotly -type d -name __pycache__ -prune -exec rm -r {} +
COPY LICENSE README.md ./
COPY contract contract
COPY producer producer
COPY training training
COPY dashboard dashboard
COPY scorer scorer
COPY monitor monitor
COPY churnstream churnstream
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --prefix=/install --no-deps .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="churnstream" \
      org.opencontainers.image.description="Streaming scoring and drift monitoring for customer-churn models on Kafka" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim"
RUN useradd --uid 10001 --user-group --create-home --home-dir /home/churnstream --shell /usr/sbin/nologin churnstream \
 && install -d -o churnstream -g churnstream /var/lib/churnstream /var/lib/churnstream/workspace /var/lib/mlflow
COPY --from=build /install /usr/local
# The scorer's loops, compiled for any processor of this architecture: nothing is compiled in a container, whose files
# are read-only.
ENV NUMBA_CACHE_DIR=/usr/local/share/churnstream/kernels \
    NUMBA_CPU_NAME=generic
RUN PYTHONDONTWRITEBYTECODE=1 python -m scorer.kernels.warm \
 && chmod -R a+rX "$NUMBA_CACHE_DIR"
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    MPLCONFIGDIR=/tmp/matplotlib \
    CHURNSTREAM_STATE_DIR=/var/lib/churnstream \
    CHURNSTREAM_HEARTBEAT=/tmp/heartbeat
USER churnstream
WORKDIR /var/lib/churnstream
# a worker touches its heartbeat with each turn of its loop
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD test -n "$(find "$CHURNSTREAM_HEARTBEAT" -newermt '-15 seconds' 2>/dev/null)"
ENTRYPOINT ["churnstream"]
CMD ["--help"]
