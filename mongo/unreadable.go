package mongo

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

// placeOf names a document without a token or an e-mail address, either of which another
// program may use as an _id.
func (s *shape) placeOf(doc bson.Raw) string {
	id := doc.Lookup("_id")
	if _, isObjectID := id.ObjectIDOK(); !isObjectID && s.kind.name == sessionKind.name {
		if session := s.sessionID(doc); session != "" {
			return s.collection + ", session " + session
		}
	}
	return s.collection + ", _id " + shown(id)
}

// shown returns an _id for a message.
func shown(id bson.RawValue) string {
	text, ok := keyText(id)
	switch {
	case !ok:
		return "of the type " + id.Type.String()
	case strings.Contains(text, "@"):
		return "that contains an @"
	case id.Type == bson.TypeString:
		return strconv.Quote(text)
	}
	return text
}

// shadowedError is the error for a user whose ID another user has in a form that comes
// first.
func (s *store) shadowedError(user bson.Raw) error {
	id := user.Lookup("_id")
	text, _ := keyText(id)
	return &adapter.RecordError{
		Place: s.users.placeOf(user), UserID: text, Field: "_id",
		Want: "an ID that no other user has in another form", Got: id.Type.String(),
	}
}
