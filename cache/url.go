package cache

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ParseRedisURL reads the address of the servers, as in REDIS_URL:
//
//	redis://user:password@host:6379/0             one server; rediss:// by TLS
//	unix:///run/redis.sock                        one server, by its socket
//	redis://host1:6379,host2:6379                 a Cluster, by some of its nodes
//	redis://host1:26379,host2:26379?master=name   a Sentinel group, by its sentinels
func ParseRedisURL(address string) (redis.UniversalOptions, error) {
	var o redis.UniversalOptions
	u, err := url.Parse(firstHost(address))
	if err != nil {
		// The error repeats the address, and with it the password.
		return o, fmt.Errorf("parse the address of Redis: not a URL")
	}
	query := u.Query()
	o.MasterName = query.Get("master")
	query.Del("master")
	u.RawQuery = query.Encode()
	one, err := redis.ParseURL(u.String())
	if err != nil {
		return o, fmt.Errorf("parse the address of Redis: %w", err)
	}
	o.Addrs = []string{one.Addr}
	if _, rest, ok := strings.Cut(hosts(address), ","); ok {
		for host := range strings.SplitSeq(rest, ",") {
			if !strings.Contains(host, ":") {
				host += ":6379"
			}
			o.Addrs = append(o.Addrs, host)
		}
	}
	o.DB, o.Username, o.Password, o.TLSConfig = one.DB, one.Username, one.Password, one.TLSConfig
	return o, nil
}

// hosts is the part of an address between the user and the path.
func hosts(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	list, _, _ := strings.Cut(rest, "/")
	return list
}

// firstHost is the address with the first of its hosts only.
func firstHost(address string) string {
	list := hosts(address)
	first, _, several := strings.Cut(list, ",")
	if !several {
		return address
	}
	return strings.Replace(address, list, first, 1)
}
