package engine

import (
	"context"
	_ "embed" // for the scripts

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

//go:embed mongo-replica-set.sh
var replicaSetScript string

//go:embed mongo-auth.sh
var authScript string

//go:embed mongo-members.sh
var membersScript string

var mongoReplicaSet = &kind{
	name:    "MongoDB replica set",
	address: "AUTHSTORE_MONGO_URL",
	image:   "mongo",
	port:    27017,
	command: func(string) []string { return append(mongod(), "--replSet", "rs0") },
	healthy: func(string) []string { return shell(replicaSetScript) },
	url:     mongoURL,
	probe:   mongoVersion,
}

var mongoThree = &kind{
	name:    "MongoDB replica set of three",
	address: "AUTHSTORE_MONGO_THREE_URL",
	image:   "mongo",
	ports:   3,
	command: func(ports string) []string { return shell(membersScript, "start", ports) },
	healthy: func(ports string) []string { return shell(membersScript, "healthy", ports) },
	url:     func(hosts []string) string { return "mongodb://" + join(hosts) + "/?replicaSet=rs0" },
	probe:   mongoVersion,
}

var mongoStandalone = &kind{
	name:    "MongoDB",
	address: "AUTHSTORE_MONGO_STANDALONE_URL",
	image:   "mongo",
	port:    27017,
	command: func(string) []string { return shell(superviseScript, mongod()...) },
	url:     mongoURL,
	probe:   mongoVersion,
}

var mongoDurable = &kind{
	name:    "MongoDB to be killed",
	address: "AUTHSTORE_MONGO_DURABLE_URL",
	image:   "mongo",
	port:    27017,
	command: func(string) []string { return shell(superviseScript, mongod()...) },
	url:     mongoURL,
	probe:   mongoVersion,
}

var mongoAuth = &kind{
	name:    "MongoDB with authentication",
	address: "AUTHSTORE_MONGO_AUTH_URL",
	image:   "mongo",
	port:    27017,
	command: func(string) []string { return append(mongod(), "--auth") },
	healthy: func(string) []string { return shell(authScript) },
	url: func(hosts []string) string {
		return "mongodb://root:root@" + join(hosts) + "/?directConnection=true&authSource=admin"
	},
	probe: mongoVersion,
}

// mongod looks for expired documents every second rather than every minute.
func mongod() []string {
	return []string{"mongod", "--bind_ip_all", "--setParameter", "ttlMonitorSleepSecs=1"}
}

// mongoURL makes a client use the address that it has, not the one that the
// member of the replica set has for itself.
func mongoURL(hosts []string) string { return "mongodb://" + join(hosts) + "/?directConnection=true" }

func mongoVersion(ctx context.Context, s Server) (string, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(s.URL))
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	var info struct{ Version string }
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info)
	return info.Version, err
}
