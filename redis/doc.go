// Package redis keeps authentication data in Redis or Valkey: one server, a Sentinel
// set, or a Cluster.
//
//	import (
//		"github.com/redis/go-redis/v9"
//
//		authredis "github.com/authstore/authstore/redis"
//	)
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store := authredis.New(client, authredis.Options{})
//	defer store.Close()
//
// or by URL, which closes its client with the adapter:
//
//	redis://user:password@host:6379/0              one server
//	rediss://host:6380                             with TLS
//	redis+cluster://host1:6379,host2,[::1]:6380    a Cluster, rediss+cluster:// with TLS
//	redis+sentinel://host1:26379,host2/0?master_name=mymaster
//	redis://user:password@%2Ftmp%2Fredis.sock/0    a socket
//
// The parameter prefix is [Options.Prefix], request_timeout (2s) [Options.RequestTimeout];
// all others are those of go-redis, such as pool_size or read_timeout. Before the hosts of
// Sentinels stand their own credentials; those of the servers are the parameters username
// and password. What a URL says is used or refused, with the reason: an option that is
// misspelt, a ";", a database of a Cluster, a character that has to be percent-encoded.
//
// # Errors
//
// What a person has to mend is adapter.ErrSetup and says what it is: wrong credentials, a
// right that the user lacks, TLS against plain, a host that does not exist, full memory, a
// Cluster opened as one server, a replica opened as one (behind Sentinels that is a failover,
// and adapter.ErrUnavailable). Connections refused or cut, and what a server says while it
// starts or fails over, are adapter.ErrUnavailable.
//
// A request ends with the context of its call, or after [Options.RequestTimeout] in all. A
// read without an answer after a second, or half of the time that is left, is made once
// more on a fresh connection: one that died without a word, forgotten by a NAT or a load
// balancer, costs that moment. A write is not made again by that: whether it was applied is
// not known then.
//
// # Keys
//
// All that belongs to one user lies in the hash slot of its ID, so that each change of
// it, and its deletion, is atomic there:
//
//	authstore:u:{id}              string       the user
//	authstore:a:{id}              hash         its accounts, by provider:account
//	authstore:w:{id}              hash         its authenticators, by credential ID
//	authstore:s:{id}:token        string       a session, by its stored token; expires
//	authstore:l:{id}              sorted set   its sessions by expiry
//
// The user's value begins with a generation of random characters, which a session's has to
// be the same as for the session to count. DeleteSessions gives the user another one, and
// with it the sessions that are kept; a user that is made anew has another one. So all
// other sessions are over by one write, whether the list has them or not.
//
// What is unique over all users has an index entry in a slot of its own, a nonce and
// the user's ID. An entry counts only if the record that it leads to agrees:
//
//	authstore:e:{address}         string       an e-mail address
//	authstore:p:{provider:account} string      an account
//	authstore:c:{credential}      string       a credential ID
//	authstore:t:{token}           string       a session token made elsewhere; expires
//
// The verification tokens of an identifier lie together, and expire with the last one:
//
//	authstore:v:{identifier}      hash         tokens
//
// A stored token is a digest; with PlainSessionTokens it is "~" and the token. Others are
// there for a while: what was answered to a write (r, a minute, with nothing of a record
// in it), sessions that are over and still to be tidied up (o, a day at most), and on a
// Cluster marks of revoked claims (x) and what a deletion that was cut has still to
// release (d, a week). In braces and between colons, "%", ":", "{" and "}" are
// percent-encoded. Records are MessagePack maps of strings, which the scripts in lua/
// change field by field. A field has a name of one letter, an attribute "." and its own, so
// that it may have any.
//
// # Promises
//
// All of the contract in package adapter. Every write of more than one command is a
// script: one atomic step on a single server. On a Cluster, where no step reaches two
// slots, what is unique is claimed first and then given to the user, by a protocol
// that keeps every rule when it is cut between any two steps (claims.go): a claim that
// was never fulfilled is taken over by the next one, after 200 ms.
//
// A reply that was lost does not change an answer, although go-redis repeats commands
// by itself, and although others write in between: each write keeps its answer for a
// minute, and its repetition finds it and writes nothing. So does an attempt that arrives
// after the client gave it up and made another. An update that is repeated is answered
// with the record, if it is still as the update left it; if others have changed it since
// the call is adapter.ErrUnavailable, though it was applied. (UpdateAuthenticatorCounter is
// answered as it was also if the counter has moved on since.) What arrives more than a
// minute late is done again: the client's timeouts and retries have to be over by then, as
// they are by default. UseVerificationToken is not repeated; without a reply it is
// adapter.ErrUnavailable, and the token may be used up.
//
// Expiry is judged by the adapter's clock; the server removes what has expired an hour
// later, which is by how much the clocks of two adapters may differ. The server's own
// clock does not matter, but on a Cluster those of two servers must differ by less than
// half an hour.
//
// While slots of a Cluster move, a call is right, or adapter.ErrUnavailable where some of
// the keys that it needs have moved and others have not, or may have: it waits for up to a
// second for that to pass. Each key that decides anything is declared, so that the server
// itself says so before a script begins.
//
// # Round trips
//
// As measured by the package's tests:
//
//	                                one server   Cluster
//	CreateUser                           1          2
//	CreateUserWithAccount                1          2
//	CreateUserWithAuthenticator          1          2
//	GetUser                              1          1
//	GetUserByEmail                       1          2
//	GetUserByAccount                     1          2
//	UpdateUser                           1          1
//	UpdateUser (e-mail)                  1          3
//	DeleteUser                           1          3
//	LinkAccount                          1          2
//	GetAccount                           1          2
//	ListAccounts                         1          1
//	UpdateAccount                        1          2
//	UnlinkAccount                        1          3
//	CreateSession                        1          1
//	CreateSession (made elsewhere)       1          2
//	GetSessionAndUser                    1          1
//	GetSessionAndUser (made elsewhere)   1          2
//	UpdateSession                        1          1
//	UpdateSession (made elsewhere)       1          2
//	DeleteSession                        1          1
//	DeleteSession (made elsewhere)       1          3
//	ListSessions                         1          2
//	DeleteSessionByID                    1          1
//	DeleteSessions                       1          1
//	CreateVerificationToken              1          1
//	UseVerificationToken                 1          1
//	DeleteVerificationTokens             1          1
//	CreateAuthenticator                  1          2
//	GetAuthenticator                     1          2
//	ListAuthenticators                   1          1
//	UpdateAuthenticatorCounter           1          2
//	UpdateAuthenticator                  1          2
//	DeleteAuthenticator                  1          3
//
// On a Cluster, what is found by its index entry costs the trip to the entry's slot
// first, and ListSessions first learns which keys to ask for. GetSessionAndUser on a
// generated token is one MGET of two keys in one slot. Of more than a thousand sessions,
// each further thousand costs ListSessions as much again, and DeleteSessions and DeleteUser
// one more.
//
// # All users
//
// EnumerateUsers (adapter.Enumerator) goes through the keys of the server by SCAN, a thousand
// a page, those of other kinds and of other programs included; so most pages have fewer users
// than their limit, and some none. A page costs one round trip for SCAN and one for the users
// whom it came by, on a Cluster one on each server at the same time. Of more users than the
// limit the others wait in the cursor, and their pages cost one; where they do not fit (8 KiB),
// SCAN is asked again for half as many keys, at most nine times. A user may be returned more
// than once, when the server's table of keys grows or shrinks meanwhile.
//
// The order is that of the hashes of keys, and each process of a server has its own. So a
// cursor is good, in any process that opens the same prefix and database, until the server
// whose keys it is among restarts or another one takes its place: then it is refused as
// adapter.ErrInvalid, and one begins again. A Cluster is gone through server by server, in the
// order of their slots, and no slot may move until all are done, nor another server take the
// place of one: a cursor from before is refused. While a slot is on its way from the server
// that it is at, the call is adapter.ErrUnavailable.
//
// # Size and speed
//
// A user with one account and one session takes about 1,600 bytes of the server's memory
// (used_memory over 100,000 of them, Redis 7.0), about as much as the same data in the
// layout of the Upstash adapter of Auth.js: 1,566 and 1,770 in one run, 1,649 and 1,518
// in another, by when the server's table of keys doubles. For a minute the answers to its
// writes take some 200 bytes more. With a million users the median
// of each operation is at most 1.1 times that with a thousand. The benchmarks Bytes and
// Scale measure both, and Raw each operation beside the bare commands in its place.
//
// # What a failover can lose
//
// Redis replicates without waiting. A write that was answered may be lost when its
// primary fails: a sign-up, a sign-out, the use of a one-time token, which could then
// be used again. [Options.WaitReplicas] has each write wait for replicas; that makes
// the loss unlikely, not impossible, since Redis may promote a replica that did not
// have it. WAIT holds back the answer, not the write: until then others may see it and act
// on it, and a failover may still take it away. With appendonly yes and appendfsync always
// a restarted server has every answered write; with everysec it may lack the last second,
// with snapshots (save) alone all since the last one, and without persistence everything.
//
// Reads go to primaries: a client with ReadOnly, RouteByLatency or RouteRandomly would
// break the rule that reads see writes.
//
// The server must not evict keys: maxmemory-policy noeviction, or a volatile one, which
// evicts sessions and tokens (their holders sign in again) and what was answered to writes
// (a repetition is then a second write). Whatever it has evicted, who was signed out stays
// signed out.
//
// # Limits
//
// No script works on more than a thousand sessions of a user, during which the server does
// nothing else: about two milliseconds. A list of more is read in pieces, not at one
// moment. A list that is put together for [adapter.Options.PlainSessionTokens], where
// DeleteSessionByID looks for an ID, is read at once. No path uses KEYS, and EnumerateUsers
// alone SCAN.
//
// # Access
//
// The user of a server with access control needs no more than this: in the keys authstore
// is [Options.Prefix], select is for a database other than 0, wait for
// [Options.WaitReplicas], info, scan and cluster|nodes for EnumerateUsers, and the last line
// for a Cluster.
//
//	ACL SETUSER authstore on >password ~authstore:*
//	  +ping +select +wait +eval +evalsha +time +get +getrange +getdel +mget +set +setnx +msetnx
//	  +del +unlink +exists +rename +pexpire +pexpireat +pttl +hget +hgetall +hset +hdel +hexists
//	  +hlen +hrandfield +lrange +rpush +zadd +zcard +zcount +zrange +zrangebyscore +zrank +zrem
//	  +zremrangebyrank +zremrangebyscore +zscore +info +scan
//	  +cluster|slots +cluster|shards +cluster|nodes +command
//
// Sentinels need to let theirs ask for the primary (sentinel get-master-addr-by-name,
// sentinel sentinels, subscribe).
//
// # Versions
//
// Redis 6.2 or later, or Valkey: HRANDFIELD came with 6.2, and nothing that
// is used is newer. The suite passes on the version in the README's table, and has passed,
// on one server and on a Cluster, on Redis 6.2.14, Redis as it was in October 2024 (between
// 7.4 and 8.0) and Valkey of that month (between 8.0 and 8.1). On a Cluster scripts touch
// beside their KEYS only what they tidy up, which they do without where it is forbidden. On
// one server a script that starts from an index entry finds the user's keys by it; those
// scripts say so to Dragonfly, by a flag in their first line.
package redis
