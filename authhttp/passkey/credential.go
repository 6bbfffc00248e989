package passkey

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/authstore/authstore/adapter"
)

// The attributes of a stored passkey.
const (
	// AttrName is the attribute for a name that its owner gives a passkey. This package
	// does not set it.
	AttrName = "name"
	// AttrLastUsed is the attribute that says when somebody last signed in with a passkey.
	AttrLastUsed = "lastUsed"
	// AttrAAGUID is the attribute that says of which model the authenticator is.
	AttrAAGUID = "aaguid"

	attrFlags       = "flags"             // of the authenticator data
	attrAttachment  = "attachment"        // "platform" or "cross-platform"
	attrType        = "attestationType"   // see webauthn.Credential
	attrFormat      = "attestationFormat" // see webauthn.Credential
	attrAttestation = "attestation"       // webauthn.CredentialAttestation as JSON
	attrExtensions  = "extensions"        // webauthn.CredentialExtensions as JSON
)

const (
	maxHandle   = 64 // bytes (WebAuthn Level 3, 5.4.3)
	multiDevice = "multiDevice"
)

var encoding = base64.StdEncoding // which Auth.js uses

// userHandle returns what names a user to authenticators: the ID, or its digest if it is
// too long.
func userHandle(id string) []byte {
	if len(id) > maxHandle {
		sum := sha256.Sum256([]byte(id))
		return sum[:]
	}
	return []byte(id)
}

// FromCredential returns the record of a credential. [ToCredential] returns all of it
// again, so that it can be checked against metadata that come later.
func FromCredential(c webauthn.Credential) (adapter.Authenticator, error) {
	attestation, err := json.Marshal(c.Attestation)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	extensions, err := json.Marshal(c.Extensions)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	id := encoding.EncodeToString(c.ID)
	a := adapter.Authenticator{
		CredentialID:         id,
		ProviderAccountID:    id, // as Auth.js has it
		CredentialPublicKey:  encoding.EncodeToString(c.PublicKey),
		Counter:              c.Authenticator.SignCount,
		CredentialDeviceType: "singleDevice",
		CredentialBackedUp:   c.Flags.BackupState,
		Attributes: adapter.Attributes{
			AttrAAGUID: formatAAGUID(c.Authenticator.AAGUID), attrFlags: int64(c.Flags.ProtocolValue()),
			attrAttachment: string(c.Authenticator.Attachment), attrType: c.AttestationType, attrFormat: c.AttestationFormat,
			attrAttestation: string(attestation), attrExtensions: string(extensions),
		},
	}
	if c.Flags.BackupEligible {
		a.CredentialDeviceType = multiDevice
	}
	for _, t := range c.Transport {
		a.Transports = append(a.Transports, string(t))
	}
	return a, nil
}

// ToCredential returns the credential of a record. One that another program wrote, without
// attributes, has what a sign-in needs.
func ToCredential(a adapter.Authenticator) (webauthn.Credential, error) {
	id, err := decode(a.CredentialID)
	if err != nil {
		return webauthn.Credential{}, errors.New("passkey: the credential ID of a record is not base64")
	}
	publicKey, err := decode(a.CredentialPublicKey)
	if err != nil {
		return webauthn.Credential{}, errors.New("passkey: the public key of a record is not base64")
	}
	c := webauthn.Credential{
		ID: id, PublicKey: publicKey, Flags: flags(a),
		AttestationType: text(a, attrType), AttestationFormat: text(a, attrFormat),
		Authenticator: webauthn.Authenticator{
			AAGUID: parseAAGUID(text(a, AttrAAGUID)), SignCount: a.Counter,
			Attachment: protocol.AuthenticatorAttachment(text(a, attrAttachment)),
		},
	}
	for _, t := range a.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	// What cannot be read is not there: a sign-in does not need it.
	_ = json.Unmarshal([]byte(text(a, attrAttestation)), &c.Attestation)
	_ = json.Unmarshal([]byte(text(a, attrExtensions)), &c.Extensions)
	return c, nil
}

// decode takes base64 in all its forms: other programs have written some in each.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

func text(a adapter.Authenticator, name string) string {
	s, _ := a.Attributes[name].(string)
	return s
}

// flags returns the flags of a credential. What the record's own fields say counts.
func flags(a adapter.Authenticator) webauthn.CredentialFlags {
	f := protocol.FlagUserPresent
	if stored, ok := a.Attributes[attrFlags].(int64); ok {
		f = protocol.AuthenticatorFlags(stored) //nolint:gosec // a byte, unless another program has written it
	}
	f &^= protocol.FlagBackupEligible | protocol.FlagBackupState
	if a.CredentialDeviceType == multiDevice {
		f |= protocol.FlagBackupEligible
	}
	if a.CredentialBackedUp {
		f |= protocol.FlagBackupState
	}
	return webauthn.NewCredentialFlags(f)
}

// formatAAGUID writes the ID of an authenticator's model as lists of models have it.
func formatAAGUID(id []byte) string {
	u, err := uuid.FromBytes(id)
	if err != nil {
		return ""
	}
	return u.String()
}

func parseAAGUID(text string) []byte {
	u, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	return u[:]
}
