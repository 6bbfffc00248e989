// Authstore does for a store of users, accounts, sessions and passkeys what an operator does:
//
//	go run ./cmd/authstore --help
//
// Its commands are in files of their names. Copying and comparing stores is in
// internal/transfer. docs/cli.md has a terminal session of each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// silent is a logger that logs nothing: what is wrong is in the command's own error.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silent{}) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}
