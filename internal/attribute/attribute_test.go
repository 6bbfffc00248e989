package attribute

import "testing"

func TestEveryNameComesBack(t *testing.T) {
	for name, stored := range map[string]string{
		"__proto__": "authstore__proto__", "authstore__proto__": "authstoreauthstore__proto__",
		"constructor": "constructor", "authstore": "authstore", "proto": "proto", "": "",
	} {
		if got := Stored(name); got != stored {
			t.Errorf("Stored(%q) is %q, want %q", name, got, stored)
		}
		if got := Name(stored); got != name {
			t.Errorf("Name(%q) is %q, want %q", stored, got, name)
		}
	}
	if got := Name("__proto__"); got != "__proto__" {
		t.Errorf("what another program stored as __proto__ is named %q", got)
	}
}

func TestEveryNameAtTheTopComesBack(t *testing.T) {
	layout := Layout(func(name string) bool { return name == "type" })
	for name, stored := range map[string]string{
		"type": "authstoretype", "Type": "Type", "__proto__": "authstore__proto__", "role": "role", "authstoreStamp": "authstoreStamp",
	} {
		if got := layout.Stored(name); got != stored {
			t.Errorf("Stored(%q) is %q, want %q", name, got, stored)
		}
		if got := layout.Name(stored); got != name {
			t.Errorf("Name(%q) is %q, want %q", stored, got, name)
		}
	}
}
