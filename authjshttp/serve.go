package authjshttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// stopTime is how long calls have that are under way when the service stops.
const stopTime = 20 * time.Second

// Serve serves until the context ends, then lets the calls end that are under way. It closes the
// listener. A service without a secret serves loopback addresses only.
func (h *Handler) Serve(ctx context.Context, listener net.Listener) error {
	if len(h.options.Secrets) == 0 && !isLoopback(listener.Addr().String()) {
		return errors.Join(
			fmt.Errorf("authjshttp: without a secret it cannot listen on %s: set one, or listen on 127.0.0.1", listener.Addr()),
			listener.Close())
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10*time.Second + h.options.Timeout,
		IdleTimeout:       75 * time.Second, // more than a client keeps a connection that it does not use
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(h.options.Logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return server.Shutdown(ctx)
}
