package emaillink

import (
	"net/http"
	"net/url"
	"testing"
)

// Whatever a link and a cookie say, what is read of them is an address and a token that stand in
// the link once, and the browser is known by its cookie alone.
func FuzzRead(f *testing.F) {
	browser := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	f.Add("email=ada@example.com&token=x&browser="+nameOf(browser), "__Host-emaillink="+browser)
	f.Add("email=ada@example.com&token=x&token=y", "__Host-emaillink="+browser+"; __Host-emaillink="+browser)
	f.Add("email=%22a%40b%22@example.com&token=x", "")
	f.Add("email=ada@example.com%00&token=%", `__Host-emaillink="`+browser+`"`)
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{"Cookie": {cookie}}}
		l := &Links{URL: "https://site.example/x"}
		l.prepare()
		link, err := l.read(r)
		l.SameBrowser = true
		_, errSame := l.read(r)
		if err != nil {
			if link != (opened{}) || errSame == nil {
				t.Fatalf("with the error %v there is %+v", err, link)
			}
			return
		}
		values := r.URL.Query()
		if len(values["token"]) != 1 || values.Get("token") != link.token || link.token == "" || len(link.token) > maxToken {
			t.Fatalf("%q has the token %q", query, link.token)
		}
		if again, ok := parseAddress(link.address); !ok || again != link.address || len(values["email"]) != 1 {
			t.Fatalf("%q has the address %q", query, link.address)
		}
		if link.here != (errSame == nil) || link.here && nameOf(l.browser(r)) != values.Get("browser") {
			t.Fatalf("%q with %q is of this browser", query, cookie)
		}
	})
}
