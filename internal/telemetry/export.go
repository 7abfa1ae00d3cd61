package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// exports reports whether OpenTelemetry's environment variables name an endpoint for a
// signal, and do not turn it off.
func exports(getenv func(string) string, signal string) bool {
	named := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	return named && getenv("OTEL_"+signal+"_EXPORTER") != "none" && getenv("OTEL_SDK_DISABLED") != "true"
}

// describe returns what collectors know the process by.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "exchequer"), attribute.String("service.version", version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
	)
	if err != nil {
		return nil, fmt.Errorf("describe the process: %w", err)
	}
	return about, nil
}

// logFailures logs what cannot be sent, such as to an unreachable collector, and nothing
// more.
func logFailures(log *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("telemetry", "error", err) }))
}

// An Export sends the metrics of a registry to a collector. A nil Export is valid and does
// nothing.
type Export struct{ provider *metric.MeterProvider }

// StartExport returns the Export that OpenTelemetry's environment variables describe, nil
// if they name no endpoint. It sends what "/metrics" serves, so that there is one set of
// instruments.
func StartExport(ctx context.Context, getenv func(string) string, version string, metrics prometheus.Gatherer, log *slog.Logger) (*Export, error) {
	if !exports(getenv, "METRICS") {
		return nil, nil
	}
	about, err := describe(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("start the export of metrics: %w", err)
	}
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the export of metrics: %w", err)
	}
	logFailures(log)
	reader := metric.NewPeriodicReader(exporter, metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(metrics))))
	return &Export{metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about))}, nil
}

// Close sends the metrics a last time.
func (e *Export) Close(ctx context.Context) error {
	if e == nil {
		return nil
	}
	if err := e.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("end the export of metrics: %w", err)
	}
	return nil
}
