package adapter

// Attributes are the properties of a record that have no field of their own
// (role, phone, locale, …). Stores keep them beside the named fields. They survive
// reads and updates by code that does not know them, and keep their type:
//
//	string, bool, int64, float64, time.Time, nil, []any, map[string]any
//
// Go's other integers are taken and kept as int64, []string as []any. A
// whole-numbered float64 may come back as int64, for some stores have one number
// type. A float64 is 0 or has a magnitude from 1e-130 to below 1e126 (DynamoDB's
// range).
//
// A name is 1 to 255 bytes of UTF-8 without a control character, also inside nested maps:
// "role", "$set", "https://example.com/roles". At the top of a record it is no name of a
// field of that record (see Reserved in package driver). What a store cannot have as a name it
// stores in another form, which the backend's page in docs tells.
type Attributes map[string]any

// Clone returns a deep copy.
func (a Attributes) Clone() Attributes {
	if a == nil {
		return nil
	}
	c := make(Attributes, len(a))
	for name, v := range a {
		c[name] = cloneValue(v)
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = cloneValue(e)
		}
		return c
	case map[string]any:
		return map[string]any(Attributes(v).Clone())
	}
	return v
}
