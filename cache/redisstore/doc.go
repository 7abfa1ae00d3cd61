// Package redisstore is the shared level of a fleet's cache on Redis: one
// server, a Sentinel group or a Cluster. It translates the calls of
// [cache.Store] into commands and scripts. It does not handle outages: a
// [cache.Failover] stands between it and the cache.
//
// All keys begin with "exchequer:". Those of one memo are in one slot of a
// Cluster, and so are all generations.
package redisstore
