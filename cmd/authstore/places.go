package main

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	goredis "github.com/redis/go-redis/v9"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// placeMakers are by the schemes of URLs. The URLs are ones that adapter.Open has taken: their
// parts need no further look, and an "@", "/" or "?" in a password is escaped.
var placeMakers = map[string]placeMaker{
	"memory":  memoryPlace,
	"mongodb": mongoPlace, "mongodb+srv": mongoPlace,
	"dynamodb": dynamoPlace,
	"redis":    redisPlace, "rediss": redisPlace, "redis+upstash": redisPlace, "rediss+upstash": redisPlace,
	"redis+cluster": redisPlace, "rediss+cluster": redisPlace, "redis+sentinel": redisPlace, "rediss+sentinel": redisPlace,
}

func memoryPlace(string, string) (place, error) {
	store := memory.NewStore()
	return place{open: func(_ context.Context, o adapter.Options) (adapter.Adapter, error) {
		return memory.New(memory.Options{Options: o, Store: store}), nil
	}}, nil
}

// parts splits a URL before its path and before its parameters.
func parts(storeURL string) (address, path, query string) {
	scheme, rest, _ := strings.Cut(storeURL, "://")
	rest, query, _ = strings.Cut(rest, "?")
	address, path, _ = strings.Cut(rest, "/")
	return scheme + "://" + address, path, query
}

// mongoPlace is a database. The user stays the one of the database that the URL names.
func mongoPlace(storeURL, name string) (place, error) {
	address, database, query := parts(storeURL)
	lower := strings.ToLower(query)
	if strings.Contains(address, "@") && strings.HasPrefix(address, "mongodb:") && !strings.Contains(lower, "authsource=") && !strings.Contains(lower, "authmechanism=") {
		query = strings.TrimPrefix(query+"&authSource="+database, "&")
	}
	uri := address + "/" + name
	if query != "" {
		uri += "?" + query
	}
	return byURL(uri, func(ctx context.Context) error {
		client, err := mongodriver.Connect(options.Client().ApplyURI(uri))
		if err != nil {
			return err
		}
		return errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
	}), nil
}

// dynamoPlace is a table.
func dynamoPlace(storeURL, name string) (place, error) {
	_, rest, _ := strings.Cut(storeURL, ":")
	table, query, _ := strings.Cut(rest, "?")
	if strings.Contains(table, ":") {
		return place{}, errors.New("name the region in the URL, and no table by its ARN: what is done here has tables of its own")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return place{}, err
	}
	return byURL("dynamodb://"+name+"?"+query, func(ctx context.Context) error {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(values.Get("region")), config.WithSharedConfigProfile(values.Get("profile")))
		if err != nil {
			return err
		}
		client := awsdynamodb.NewFromConfig(cfg, func(o *awsdynamodb.Options) {
			if endpoint := values.Get("endpoint"); endpoint != "" {
				o.BaseEndpoint = &endpoint
			}
		})
		_, err = client.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: &name})
		if errors.As(err, new(*types.ResourceNotFoundException)) {
			return nil // it could not be made
		}
		return err
	}), nil
}

// redisPlace is what begins with a prefix.
func redisPlace(storeURL, name string) (place, error) {
	address, path, query := parts(storeURL)
	values, err := url.ParseQuery(query)
	if err != nil {
		return place{}, err
	}
	values.Set("prefix", name)
	return byURL(address+"/"+path+"?"+values.Encode(), func(ctx context.Context) error {
		client, err := redisClient(address, path, values)
		if err != nil {
			return err
		}
		return errors.Join(unlink(ctx, client, name), client.Close())
	}), nil
}

// redisClient returns a client by a URL of the store's, which go-redis takes in a form of its own.
func redisClient(address, path string, values url.Values) (goredis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	base, kind, _ := strings.Cut(strings.ToLower(scheme), "+")
	at := strings.LastIndex(rest, "@") + 1
	hosts := append(strings.Split(rest[at:], ","), values["addr"]...)
	own := url.Values{}
	for name, v := range values {
		if !slices.Contains([]string{"prefix", "request_timeout", "no_batching", "addr", "tls"}, name) {
			own[name] = v
		}
	}
	if tls := values.Get("tls"); tls == "true" || tls == "1" {
		base = "rediss"
	}
	if kind == "cluster" || kind == "sentinel" {
		own["addr"] = hosts[1:]
	}
	if socket, err := url.PathUnescape(hosts[0]); err == nil && strings.HasPrefix(socket, "/") {
		if path != "" {
			own.Set("db", path)
		}
		base, hosts[0], path = "unix", "", strings.TrimPrefix(socket, "/")
	}
	uri := base + "://" + rest[:at] + hosts[0] + "/" + path + "?" + own.Encode()
	switch kind {
	case "cluster":
		o, err := goredis.ParseClusterURL(uri)
		if err != nil {
			return nil, err
		}
		if o.TLSConfig != nil {
			o.TLSConfig.ServerName = "" // each server has its own
		}
		return goredis.NewClusterClient(o), nil
	case "sentinel":
		o, err := goredis.ParseFailoverURL(uri)
		if err != nil {
			return nil, err
		}
		if o.TLSConfig != nil {
			o.TLSConfig.ServerName = ""
		}
		return goredis.NewFailoverClient(o), nil
	}
	o, err := goredis.ParseURL(uri)
	if err != nil {
		return nil, err
	}
	return goredis.NewClient(o), nil
}

// unlink removes all keys with a prefix.
func unlink(ctx context.Context, client goredis.UniversalClient, prefix string) error {
	server := func(ctx context.Context, c *goredis.Client) error {
		for keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); ; {
			if !keys.Next(ctx) {
				return keys.Err()
			}
			if err := c.Unlink(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
	}
	if c, ok := client.(*goredis.ClusterClient); ok {
		return c.ForEachMaster(ctx, server)
	}
	return server(ctx, client.(*goredis.Client))
}
