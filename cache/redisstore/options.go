package redisstore

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ParseURL reads the address of the servers, as in REDIS_URL:
//
//	redis://user:password@host:6379/0             one server; rediss:// by TLS
//	unix:///run/redis.sock                        one server, by its socket
//	redis://host1:6379,host2:6379                 a Cluster, by some of its nodes
//	redis://host:6379?cluster=true                a Cluster, by one address
//	redis://host1:26379,host2:26379?master=name   a Sentinel group, by its sentinels
//
// User and password are those of the servers, not of the sentinels. The error
// does not contain the address, which may have a password.
func ParseURL(address string) (redis.UniversalOptions, error) {
	o, err := parseURL(address)
	if err != nil {
		return o, fmt.Errorf("parse the address of Redis: %w", err)
	}
	return o, nil
}

func parseURL(address string) (redis.UniversalOptions, error) {
	var o redis.UniversalOptions
	u, err := url.Parse(firstHost(address))
	if err != nil {
		return o, errors.New("not a URL")
	}
	query := u.Query()
	o.MasterName = query.Get("master")
	if query.Has("cluster") {
		if o.IsClusterMode, err = strconv.ParseBool(query.Get("cluster")); err != nil {
			return o, errors.New("cluster is neither true nor false")
		}
	}
	query.Del("master")
	query.Del("cluster")
	if len(query) > 0 {
		return o, fmt.Errorf("unknown options %q, want master or cluster", slices.Sorted(maps.Keys(query)))
	}
	u.RawQuery = ""
	one, err := redis.ParseURL(u.String())
	if err != nil {
		return o, err
	}
	o.Addrs = []string{one.Addr}
	if _, rest, ok := strings.Cut(hosts(address), ","); ok {
		for host := range strings.SplitSeq(rest, ",") {
			switch {
			case strings.Contains(host, ":"):
			case o.MasterName != "":
				host += ":26379"
			default:
				host += ":6379"
			}
			o.Addrs = append(o.Addrs, host)
		}
	}
	o.IsClusterMode = o.IsClusterMode || len(o.Addrs) > 1 && o.MasterName == ""
	switch {
	case o.IsClusterMode && o.MasterName != "":
		return o, errors.New("both a Cluster and a Sentinel group")
	case o.IsClusterMode && one.DB != 0:
		return o, errors.New("a Cluster has the database 0 only")
	}
	o.DB, o.Username, o.Password, o.TLSConfig = one.DB, one.Username, one.Password, one.TLSConfig
	if o.TLSConfig != nil && (o.IsClusterMode || o.MasterName != "") {
		o.TLSConfig.ServerName = "" // each server has its own
	}
	return o, nil
}

// hosts returns the part of an address between the user and the path.
func hosts(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	list, _, _ := strings.Cut(rest, "/")
	return list
}

// firstHost returns the address with only the first of its hosts.
func firstHost(address string) string {
	list := hosts(address)
	first, _, several := strings.Cut(list, ",")
	if !several {
		return address
	}
	return strings.Replace(address, list, first, 1)
}

// CheckTenant returns an error unless a name can be part of keys: 1 to 64
// letters, digits, dots, dashes and underscores.
func CheckTenant(name string) error {
	if !tenantName.MatchString(name) {
		return fmt.Errorf("tenant %q: want 1 to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

var tenantName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
