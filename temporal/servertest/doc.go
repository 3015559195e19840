// Package servertest holds the tests of hanas on several machines, against a
// Temporal server in this process and against real worker processes that are
// killed. It is a module of its own, so that nobody else builds that server; it
// links nothing of hanas, which it runs as users do (go tool task test:temporal).
package servertest
