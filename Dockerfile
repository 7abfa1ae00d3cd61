# The program alone: it needs a DATABASE_URL, since there is no Postgres to
# embed in an image without a system.
#
# The image that builds is pinned to its release and, by digest, to its content
# on all platforms. To move on to another release: docker buildx imagetools
# inspect golang:RELEASE prints its digest.
FROM golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make build licenses VERSION="$VERSION" && mkdir /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /empty /tmp
COPY --from=build /src/bin/licenses /licenses
COPY --from=build /src/bin/exchequer /exchequer
USER 65532:65532
ENV EXCHEQUER_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/exchequer", "healthcheck"]
ENTRYPOINT ["/exchequer"]
CMD ["serve"]
