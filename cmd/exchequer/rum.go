package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/vitals"
)

// rumFlags say how browsers measure the pages (real-user monitoring).
type rumFlags struct {
	RUMSample share01 `name:"rum-sample" default:"0.1" env:"EXCHEQUER_RUM_SAMPLE" placeholder:"SHARE" help:"Share of page views of which browsers send how fast they were, without saying who reads what (default: ${default}). 0: none."`
	FaroURL   faroURL `name:"faro-url" env:"EXCHEQUER_FARO_URL,FARO_URL" placeholder:"URL" help:"Receiver of Faro, such as https://faro.example.org/collect/KEY, to which browsers send it instead."`
}

// A share01 is a part of a whole.
type share01 float64

// UnmarshalText returns an error unless text is a number from 0 to 1.
func (s *share01) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n >= 0 && n <= 1) {
		return fmt.Errorf("%q: want a number from 0 to 1", text)
	}
	*s = share01(n)
	return nil
}

// A faroURL is the address of a receiver of Faro.
type faroURL string

// UnmarshalText returns an error unless text is such an address, and nothing that would
// end a directive of the content security policy.
func (f *faroURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%q: want an address such as https://faro.example.org/collect/KEY", text)
	}
	for _, c := range u.Host {
		if notInHost(c) && c != '[' && c != ']' {
			return fmt.Errorf("%q: want an address such as https://faro.example.org/collect/KEY", text)
		}
	}
	*f = faroURL(text)
	return nil
}

// vitals returns what counts how fast pages are, nil if browsers do not send that here.
func (f rumFlags) vitals(r server, now func() time.Time, registry prometheus.Registerer) (*vitals.Store, error) {
	if f.RUMSample == 0 || f.FaroURL != "" {
		return nil, nil
	}
	return vitals.New(vitals.Deps{DB: r.db.Pool, Log: r.log, Registerer: registry, Version: version, Now: now})
}
