package upstash

import (
	"embed"

	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts. Each is one atomic step.
var (
	userCreate  = load("user_create")
	userByEmail = load("user_by_email")
	userUpdate  = load("user_update")
	userDelete  = load("user_delete")
	ownedCreate = load("owned_create")
	ownedGet    = load("owned_get")
	ownedUpdate = load("owned_update")
	ownedDelete = load("owned_delete")
	scanScript  = load("scan")
	usersScan   = load("users_scan")
	remove      = load("remove")
	linkCreate  = load("link_create")
	linkUse     = load("link_use")

	userRemove   = load("user_remove")
	userReturn   = load("user_return")
	orphanDelete = load("orphan_delete")
	indexDelete  = load("index_delete")
	listMend     = load("list_mend")
)

// load returns the script of a file in lua/.
func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// stringsReply returns the strings of a list in a reply.
func stringsReply(reply any) []string {
	all, _ := reply.([]any)
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i], _ = v.(string)
	}
	return texts
}
