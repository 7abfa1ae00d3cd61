package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// publicAPI registers what everybody may ask.
func (s *server) publicAPI(api huma.API) {
	offer(s, api, huma.Operation{
		OperationID: "stats", Path: "/stats", Tags: []string{"accounts"},
		Summary: "Accounts by kind and status",
		Errors:  []int{http.StatusUnprocessableEntity},
	}, s.API.Stats, func(_ context.Context, in *statsInput) (aggregates.StatsQuery, error) {
		return aggregates.StatsQuery{Kind: ledger.Kind(in.Kind), Status: in.Status}, nil
	})
}

type statsInput struct {
	Kind   string `query:"kind" enum:"personal,business,government,system" doc:"Accounts of this kind only."`
	Status string `query:"status" enum:"active,archived" doc:"Accounts of this status only."`
}
