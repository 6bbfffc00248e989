package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// checkpointVersion is that of the file's form.
const checkpointVersion = 1

// checkpoint is how far a pass has come. All users before the cursor are done, and who is not
// may have been begun: to do a user twice is to do it once.
type checkpoint struct {
	Version int    `json:"version"`
	What    string `json:"what"` // what the pass does, so that no other one goes on with it
	Cursor  string `json:"cursor"`
	// Extras says that the source was walked to its end, and the walk over the destination
	// for what only it has has begun, at the cursor.
	Extras bool `json:"extras,omitempty"`
	Done   bool `json:"done"`
	// Started is when the pass began; Previous is when the last one that ended did.
	Started  time.Time `json:"started"`
	Previous time.Time `json:"previous,omitzero"`
	Counts   Counts    `json:"counts"`
	// Deferred are the users whose unique values somebody else had when it was their turn.
	Deferred []string `json:"deferred,omitempty"`
	// Key makes what a redacted copy has in place of names.
	Key []byte `json:"key,omitempty"`
}

// load reads a checkpoint. Without a file there is an empty one.
func load(file string) (c checkpoint, err error) {
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Version != checkpointVersion {
		return c, fmt.Errorf("%s is no checkpoint of this version: name another file, or remove it to begin again", file)
	}
	return c, nil
}

// save replaces the file in one step: after a crash there is the old checkpoint or the new one.
func (c checkpoint) save(file string) (err error) {
	if file == "" {
		return nil
	}
	c.Version = checkpointVersion
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
