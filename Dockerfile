# One image with every program; docker-compose.yml says which one a container runs.
#
# DuckDB is the prebuilt library that every other build uses too (.ci/setup fetches it and compares its checksum). The
# client crate's feature `bundled` would compile it instead: more than half an hour, for the same code.
FROM rust:1.95-bookworm AS build
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends python3-venv
WORKDIR /src
COPY . .
ENV GAPLESS_CACHE=/cache
# The programs look for libduckdb in ../lib, seen from where they lie.
RUN --mount=type=cache,target=/cache,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    make install PREFIX=/opt/gapless \
    && strip --strip-debug /opt/gapless/bin/*

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Gapless" \
    org.opencontainers.image.description="Live data, exactly once, in order, over a bus that may lose messages" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /opt/gapless /opt/gapless
# A named volume takes its owner from the folder that it covers first.
RUN for folder in journal archive artifacts checkpoints; do \
        install -d -o 65532 -g 65532 "/var/lib/gapless/$folder"; \
    done \
    && chown 65532:65532 /var/lib/gapless
ENV PATH=/opt/gapless/bin:$PATH
USER 65532:65532
WORKDIR /var/lib/gapless
# By itself the image is the whole stack in one process. It listens on loopback, so give it the host's network, or
# addresses by environment as docker-compose.yml does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["gapless", "status", "none"]
CMD ["gapless", "up", "--data", "/var/lib/gapless"]
