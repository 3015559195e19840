// Package cloudtest holds the tests of temporal/artifacts through the drivers of
// S3 and Google Cloud Storage, against servers in this process that speak their
// protocols (go tool task test:temporal). It is a module of its own, so that
// nobody else builds those servers.
package cloudtest
