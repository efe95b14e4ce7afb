# Compiled on the builder's own platform for the image's: cross-compiling is faster than emulating.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG TARGETOS TARGETARCH
# What "seshd version" prints, since the repository is not in the build context.
ARG VERSION=
# Without cgo the binary is static and compiles in about half the time. It has the same bytes as what make dist builds.
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X github.com/seshd/seshd/session.release=$VERSION" -o /out/seshd ./cmd/seshd
# A new volume takes its owner and mode from the directory that it covers.
RUN mkdir -p /out/root/data && chmod 0700 /out/root/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/seshd /seshd
COPY --from=build --chown=65532:65532 /out/root/ /
USER 65532:65532
# Inside a container loopback reaches nobody: the internal listener is for other services of the same
# network. Do not publish its port.
ENV SESHD_DATA=/data SESHD_INTERNAL_ADDR=:8001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/seshd", "health"]
ENTRYPOINT ["/seshd"]
