package signin_test

import (
	"testing"

	"exchequer/signin"
)

func TestARequestIsByAVisitorUnlessItSaysOtherwise(t *testing.T) {
	if who := signin.Who(t.Context()); who != (signin.Identity{}) || who.Role != signin.Visitor {
		t.Errorf("a request of which nothing is known is by %+v", who)
	}
	ann := signin.Identity{Subject: "local:ann", Name: "Ann", Role: signin.Admin}
	if who := signin.Who(signin.With(t.Context(), ann)); who != ann {
		t.Errorf("a request by Ann is by %+v", who)
	}
}
