package fauna

import (
	"context"

	"github.com/fauna/fauna-go/v3"
)

// pageSize is how many documents a query lists or deletes at most.
const pageSize = 500

// sweep runs a query that deletes n documents at a time until none is left, and fewer at a
// time if a transaction is too large or takes too long. Its error is contended if others
// keep adding documents.
func (s *store) sweep(ctx context.Context, fql string, a args) error {
	for n := pageSize; ; {
		a["n"] = n
		r, err := s.repeat(ctx, shortPatience, fql, a)
		switch {
		case tooLarge(err) && n > 1:
			n = max(n/4, 1)
		case err != nil:
			return err
		case r["more"] != true:
			return nil
		}
	}
}

// deleteListed deletes the documents of a collection that a query lists now and that are
// wanted. It does not conflict with calls that add more.
func (s *store) deleteListed(ctx context.Context, collection, fql string, a args, wanted func(doc) bool) error {
	documents, err := list(ctx, s, fql, a, func(d doc) (string, bool) { return d.takeText(fieldID), wanted(d) })
	if err != nil {
		return err
	}
	return s.deleteByID(ctx, collection, documents)
}

// deleteByID deletes documents of a collection, as many at a time as the server accepts.
func (s *store) deleteByID(ctx context.Context, collection string, documents []string) error {
	for n := pageSize; len(documents) > 0; {
		n = min(n, len(documents))
		_, err := s.query(ctx, deleteDocuments, args{"name": collection, "documents": documents[:n]})
		switch {
		case tooLarge(err) && n > 1:
			n = max(n/4, 1)
		case err != nil:
			return err
		default:
			documents = documents[n:]
		}
	}
	return nil
}

// list returns the records of all pages of a query, without those that cannot be decoded: one
// record hides no other.
func list[T any](ctx context.Context, s *store, fql string, a args, decode func(doc) (T, bool)) ([]T, error) {
	a["n"] = pageSize
	r, err := s.query(ctx, fql, a)
	if err != nil {
		return nil, err
	}
	var all []T
	for {
		records, after := page(r)
		for _, d := range records {
			if record, ok := decode(d); ok {
				all = append(all, record)
			}
		}
		if after == "" {
			return all, nil
		}
		if r, err = s.query(ctx, nextPage, args{"after": after}); err != nil {
			return nil, err
		}
	}
}

// page returns the documents of a page, and the cursor of the next one, "" if there is none.
// The driver has a type of its own for the first page of a set.
func page(r reply) (records []doc, after string) {
	var data []any
	switch p := r["page"].(type) {
	case *fauna.Page:
		data, after = p.Data, p.After
	case map[string]any:
		data, _ = p["data"].([]any)
		after, _ = p["after"].(string)
	}
	for _, d := range data {
		records = append(records, fields(d))
	}
	return records, after
}
