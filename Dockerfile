# The program alone: it needs a DATABASE_URL, since there is no Postgres to
# embed in an image without a system.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /exchequer ./cmd/exchequer

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /exchequer /exchequer
USER 65532:65532
ENV EXCHEQUER_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/exchequer", "healthcheck"]
ENTRYPOINT ["/exchequer"]
CMD ["serve"]
