package adapter_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// Somebody signs up with a passkey. The user handle that the browser keeps is the user's ID,
// which has to be known before there is a user.
func ExampleUsers_createUserWithAuthenticator() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	defer store.Close()

	userHandle := store.NewID() // in the options of navigator.credentials.create, and in a cookie

	// The browser has answered, and the library has verified it.
	made := credential{ID: []byte{1, 2, 3}, PublicKey: []byte{0xa5, 1, 2}, Transport: []string{"internal"}}
	made.Flags.BackupEligible = true
	user, passkey, err := store.CreateUserWithAuthenticator(ctx, adapter.User{ID: userHandle, Name: "Ada"}, authenticatorOf(made))
	fmt.Println(user.Name, passkey.UserID == userHandle, passkey.CredentialDeviceType, err)

	// A sign-in: the counter must grow, and the backup state may have changed.
	_, err = store.UpdateAuthenticatorCounter(ctx, passkey.CredentialID, 1)
	fmt.Println(err)
	passkey, err = store.UpdateAuthenticator(ctx, passkey.CredentialID, adapter.AuthenticatorUpdate{
		CredentialBackedUp: new(true), Attributes: adapter.Attributes{"name": "Ada's phone"},
	})
	fmt.Println(credentialOf(passkey).Flags.BackupState, passkey.Attributes["name"], err)
	// Output:
	// Ada true multiDevice <nil>
	// <nil>
	// true Ada's phone <nil>
}

// credential has the fields of Credential in github.com/go-webauthn/webauthn. The two
// functions below are all that an application needs to keep one.
type credential struct {
	ID, PublicKey []byte
	Transport     []string
	Flags         struct{ UserPresent, UserVerified, BackupEligible, BackupState bool }
	Authenticator struct {
		AAGUID       []byte
		SignCount    uint32
		CloneWarning bool
		Attachment   string
	}
	AttestationType, AttestationFormat string
	Attestation                        struct {
		Type, Format                                              string
		ClientDataJSON, ClientDataHash, AuthenticatorData, Object []byte
		PublicKeyAlgorithm                                        int64
	}
}

// authenticatorOf returns a credential as a store keeps it.
func authenticatorOf(c credential) adapter.Authenticator {
	deviceType := "singleDevice"
	if c.Flags.BackupEligible {
		deviceType = "multiDevice"
	}
	text := base64.StdEncoding.EncodeToString
	return adapter.Authenticator{
		CredentialID: text(c.ID), CredentialPublicKey: text(c.PublicKey), Counter: c.Authenticator.SignCount,
		CredentialDeviceType: deviceType, CredentialBackedUp: c.Flags.BackupState, Transports: c.Transport,
		Attributes: adapter.Attributes{
			"userPresent": c.Flags.UserPresent, "userVerified": c.Flags.UserVerified,
			"aaguid": text(c.Authenticator.AAGUID), "cloneWarning": c.Authenticator.CloneWarning, "attachment": c.Authenticator.Attachment,
			"attestationType": c.AttestationType, "attestationFormat": c.AttestationFormat,
			"attestation": map[string]any{
				"type": c.Attestation.Type, "format": c.Attestation.Format, "clientDataJSON": text(c.Attestation.ClientDataJSON),
				"clientDataHash": text(c.Attestation.ClientDataHash), "authenticatorData": text(c.Attestation.AuthenticatorData),
				"object": text(c.Attestation.Object), "publicKeyAlgorithm": c.Attestation.PublicKeyAlgorithm,
			},
		},
	}
}

// credentialOf returns a credential that a store has kept.
func credentialOf(a adapter.Authenticator) (c credential) {
	c.ID, c.PublicKey, c.Transport = bytesOf(a.CredentialID), bytesOf(a.CredentialPublicKey), a.Transports
	c.Flags.UserPresent, c.Flags.UserVerified = a.Attributes["userPresent"] == true, a.Attributes["userVerified"] == true
	c.Flags.BackupEligible, c.Flags.BackupState = a.CredentialDeviceType == "multiDevice", a.CredentialBackedUp
	c.Authenticator.AAGUID, c.Authenticator.SignCount = bytesOf(a.Attributes["aaguid"]), a.Counter
	c.Authenticator.CloneWarning = a.Attributes["cloneWarning"] == true
	c.Authenticator.Attachment, _ = a.Attributes["attachment"].(string)
	c.AttestationType, _ = a.Attributes["attestationType"].(string)
	c.AttestationFormat, _ = a.Attributes["attestationFormat"].(string)
	m, _ := a.Attributes["attestation"].(map[string]any)
	c.Attestation.Type, _ = m["type"].(string)
	c.Attestation.Format, _ = m["format"].(string)
	c.Attestation.ClientDataJSON, c.Attestation.ClientDataHash = bytesOf(m["clientDataJSON"]), bytesOf(m["clientDataHash"])
	c.Attestation.AuthenticatorData, c.Attestation.Object = bytesOf(m["authenticatorData"]), bytesOf(m["object"])
	c.Attestation.PublicKeyAlgorithm, _ = m["publicKeyAlgorithm"].(int64)
	return c
}

func bytesOf(text any) []byte {
	s, _ := text.(string)
	b, _ := base64.StdEncoding.DecodeString(s)
	return b
}

// filled fills every field of a struct, each with another value.
func filled(v reflect.Value, n int64) int64 {
	n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n = filled(v.Field(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", n))
	case reflect.Int64:
		v.SetInt(-n)
	case reflect.Uint32:
		v.SetUint(uint64(n))
	default:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf([]string{"usb", fmt.Sprint(n)}))
			return n
		}
		v.SetBytes([]byte{byte(n), 0xff, 0})
	}
	return n
}

// kept returns an authenticator that a store has kept for a new user.
func kept(t *testing.T, a adapter.Authenticator) adapter.Authenticator {
	t.Helper()
	store := memory.New(memory.Options{})
	defer store.Close()
	if _, _, err := store.CreateUserWithAuthenticator(t.Context(), adapter.User{ID: a.UserID}, a); err != nil {
		t.Fatal(err)
	}
	a, err := store.GetAuthenticator(t.Context(), a.CredentialID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestGoWebAuthnCredential(t *testing.T) {
	var c credential
	filled(reflect.ValueOf(&c).Elem(), 0)
	if got := credentialOf(kept(t, authenticatorOf(c))); !reflect.DeepEqual(got, c) {
		t.Errorf("got  %+v\nwant %+v", got, c)
	}
}

// TestBetterAuthPasskey keeps a row of Better Auth's table passkey, whose own ID is an
// attribute, for id is a reserved name.
func TestBetterAuthPasskey(t *testing.T) {
	type row struct {
		ID, Name, PublicKey, UserID, CredentialID string
		Counter                                   uint32
		DeviceType                                string
		BackedUp                                  bool
		Transports                                string
		CreatedAt                                 time.Time
		AAGUID                                    string
	}
	want := row{
		"c9f1", "Ada's phone", "pQECAyYgASFYIA+/==", "ada", "aB+/cd==", 7, "multiDevice", true, "internal,hybrid",
		time.Date(2026, 3, 1, 12, 0, 0, 678e6, time.UTC), "08987058-cadc-4b81-b6e1-30de50dcbe96",
	}
	a := kept(t, adapter.Authenticator{
		CredentialID: want.CredentialID, UserID: want.UserID, CredentialPublicKey: want.PublicKey, Counter: want.Counter,
		CredentialDeviceType: want.DeviceType, CredentialBackedUp: want.BackedUp, Transports: strings.Split(want.Transports, ","),
		Attributes: adapter.Attributes{"passkeyId": want.ID, "name": want.Name, "aaguid": want.AAGUID}, CreatedAt: want.CreatedAt,
	})
	text := func(name string) string { s, _ := a.Attributes[name].(string); return s }
	got := row{
		text("passkeyId"), text("name"), a.CredentialPublicKey, a.UserID, a.CredentialID, a.Counter, a.CredentialDeviceType, a.CredentialBackedUp,
		strings.Join(a.Transports, ","), a.CreatedAt, text("aaguid"),
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
