// Authstore works on stores of authentication data.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	root := &cobra.Command{Use: "authstore", Short: "Work on stores of authentication data"}
	root.AddCommand(newServeCommand())
	if root.ExecuteContext(ctx) != nil {
		os.Exit(1)
	}
}
