package authjshttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/authstore/authstore/authjshttp"
	"github.com/authstore/authstore/memory"
)

// The service is a handler, and its calls are JSON.
func Example() {
	const secret = "openssl rand -base64 32 makes one"
	handler, err := authjshttp.New(memory.New(memory.Options{}), authjshttp.Options{Secrets: []string{secret}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+"/v1/getUserByEmail", strings.NewReader(`["ada@example.com"]`))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, answer.Header.Get("Authstore-Version"), string(text), err)
	// Output: 200 1 null <nil>
}
